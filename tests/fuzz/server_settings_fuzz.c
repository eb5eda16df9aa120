/* SPDX-License-Identifier: MIT */
/* Loads settings: YAML, profiles, peers and the rest. A file is refused if and only if
 * there is an error, and settings that were loaded keep what their header promises: each
 * network's addresses belong to a peer of the profile, found as a walk through all of
 * them finds it. server_settings_corpus_test.c runs it as well. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/settings/settings.h"
#include "tests/fuzz/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The longest prefix of all; of equal ones the first. */
static const struct peer *peer_by_walk(const struct profile *profile,
                                       const struct address *address)
{
	const struct peer *best = NULL;
	unsigned longest = 0;
	for (size_t i = 0; i < profile->peer_count; i++) {
		const struct peer *peer = profile->peers[i];
		for (size_t n = 0; n < peer->network_count; n++) {
			const struct network *network = &peer->networks[n];
			if (network_has(network, address) &&
			    (!best || network->bits > longest)) {
				best = peer;
				longest = network->bits;
			}
		}
	}
	return best;
}

static void check_address(const struct profile *profile, struct address address)
{
	REQUIRE(profile_peer(profile, &address) == peer_by_walk(profile, &address));
}

/* Where each network begins, and just before. */
static void check_peers(const struct profile *profile)
{
	for (size_t i = 0; i < profile->peer_count; i++)
		for (size_t n = 0; n < profile->peers[i]->network_count; n++) {
			struct address address = profile->peers[i]->networks[n].address;
			REQUIRE(profile_peer(profile, &address));
			check_address(profile, address);
			for (size_t b = sizeof address.bytes; b-- && !address.bytes[b]--;)
				;
			check_address(profile, address);
		}
}

static void check_settings(const struct settings *settings)
{
	REQUIRE(settings->listen_count > 0 && settings->listen_count <= LISTENS_MAX);
	REQUIRE(settings->workers >= 1 && settings->workers <= WORKERS_MAX);
	REQUIRE(settings->method_count >= 1 && settings->method_count <= METHODS_MAX);
	REQUIRE(settings->allow && settings->rules_path);
	REQUIRE(!settings->secret.len || (settings->secret.len >= SECRET_MIN &&
	                                  settings->secret.len <= SECRET_MAX));
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		REQUIRE(listen->profile && listen->endpoint.port && listen->text.len);
		REQUIRE((listen->endpoint.transport == TRANSPORT_TLS) <=
		        (listen->profile->credentials != NULL));
	}
	for (size_t i = 0; i < settings->profile_count; i++)
		check_peers(settings->profiles[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diags *diags = diags_new();
	REQUIRE(diags);
	const char *path = file_write("signpost-settings-fuzz", data, size);
	struct settings *settings = settings_load(path, diags);
	REQUIRE(!settings == (diags_errors(diags) > 0));
	file_check_findings(diags);
	if (settings)
		check_settings(settings);
	settings_free(settings);
	diags_free(diags);
	unlink(path);
	return 0;
}
