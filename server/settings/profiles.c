/* SPDX-License-Identifier: MIT */
#include "server/settings/profiles.h"

#include <ctype.h>

#include "rules/map.h"
#include "server/trust/peers.h"

/* A peer while profiles are read. */
struct known_peer {
	struct peer peer;
	struct position position;
	const struct profile *profile; /* the last that named it; NULL: none */
	struct position named;         /* where that was */
	bool spoofable_given;
};

/* What every reader below gets to write into. */
struct reading {
	struct settings *settings;
	const struct settings *in_force; /* may be NULL */
	struct map peers;                /* name -> struct known_peer */
	struct map profiles;             /* name -> struct position */
	struct known_peer *known;
	size_t known_count;
	struct listen *listens; /* LISTENS_MAX */
	struct realm **realms;  /* one for each profile at most */

	/* Of the peer or profile that is being read. */
	struct known_peer *peer;
	struct network *networks;
	struct slice *tls_names;
	struct profile *profile;
	const struct peer **members;
};

static const struct network loopback_networks[] = {
	{{{[10] = 0xff, [11] = 0xff, [12] = 127}}, 104},
	{{{[15] = 1}}, 128},
};
static const struct peer loopback = {
	.name = {"loopback", 8}, .network_count = 2, .networks = loopback_networks};
static const struct peer *const builtin_peers[] = {&loopback};

/* So that profile_peer() is quick. */
static bool make_lookup(struct load *load, struct profile *profile)
{
	profile->lookup = peers_new(load->arena, profile->peers, profile->peer_count);
	return profile->lookup || load_memory(load);
}

#define LOCALHOST                                                                        \
	{                                                                                \
		{                                                                        \
			[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1                   \
		}                                                                        \
	}
/* What there is without a file. */
struct builtin {
	struct profile profile;
	const struct profile *profiles[1];
	struct listen listens[2];
};

static bool use_builtin(struct load *load, struct settings *settings)
{
	struct builtin *builtin = arena_alloc(load->arena, sizeof *builtin);
	if (!builtin)
		return load_memory(load);
	*builtin =
		(struct builtin){.profile = {.name = slice_of("default"),
	                                     .peer_count = 1,
	                                     .peers = builtin_peers},
	                         .profiles = {&builtin->profile},
	                         .listens = {{{TRANSPORT_UDP, LOCALHOST, ENDPOINT_PORT},
	                                      slice_of("udp:127.0.0.1:5060"),
	                                      &builtin->profile,
	                                      {.line = 0}},
	                                     {{TRANSPORT_TCP, LOCALHOST, ENDPOINT_PORT},
	                                      slice_of("tcp:127.0.0.1:5060"),
	                                      &builtin->profile,
	                                      {.line = 0}}}};
	settings->peer_count = 1;
	settings->peers = builtin_peers;
	settings->listen_count = 2;
	settings->listens = builtin->listens;
	settings->profile_count = 1;
	settings->profiles = builtin->profiles;
	return make_lookup(load, &builtin->profile);
}

static const char *hint_at(char hint[DIAGS_HINT_MAX], const char *what,
                           struct position at)
{
	return diags_hint(hint, "%s at %s:%u:%u", what, at.file, at.line, at.column);
}

static bool check_mapping(struct load *load, const struct node *node, const char *what)
{
	if (node->type != NODE_MAPPING)
		return load_error(load, node, NULL, "%s must be a mapping, not %s", what,
		                  node_type_name(node));
	return true;
}

/* Reads a name that people choose; first: where it was defined before, or NULL. */
static bool read_name(struct load *load, const struct node *key, const char *what,
                      const struct position *first, struct slice *out)
{
	struct slice name;
	char hint[DIAGS_HINT_MAX];
	if (first)
		return load_error(load, key, hint_at(hint, "first defined", *first),
		                  "%s \"%s\" is defined twice", what, key->text.at);
	if (!schema_text(load, key, what, &name))
		return false;
	if (name.len > SETTINGS_NAME_MAX)
		return load_error(load, key, NULL, "the name of a %s may have %d bytes",
		                  what, SETTINGS_NAME_MAX);
	for (size_t i = 0; i < name.len; i++) {
		if ((unsigned char)name.at[i] < ' ' || name.at[i] == 0x7f)
			return load_error(
				load, key, NULL,
				"the name of a %s may not have control characters", what);
	}
	*out = name;
	return true;
}

/* Peers */

static bool read_network(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct slice text;
	const char *why;
	if (!schema_text(load, node, "networks", &text))
		return false;
	struct network *network = &reading->networks[reading->peer->peer.network_count];
	if (!network_parse(text, network, &why))
		return load_error(load, node,
		                  "write 192.0.2.0/24, 2001:db8::/32 or one address",
		                  "\"%s\" is no network: %s", text.at, why);
	reading->peer->peer.network_count++;
	return true;
}

static bool read_networks(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	size_t count = schema_each_count(node);
	reading->networks = arena_array(load->arena, count, sizeof *reading->networks);
	if (!reading->networks)
		return load_memory(load);
	reading->peer->peer.networks = reading->networks;
	return schema_each(load, node, "networks", read_network, reading);
}

static bool is_host_name(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (!isalnum((unsigned char)c) && c != '-' && c != '.' && c != '_')
			return false;
	}
	return text.len <= TLS_NAME_MAX;
}

static bool read_tls_name(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct slice text;
	if (!schema_text(load, node, "tls_names", &text))
		return false;
	if (!is_host_name(text))
		return load_error(load, node,
		                  "write sbc.example.net, as the certificate has it; "
		                  "wildcards match nothing",
		                  "\"%s\" is no host name", text.at);
	reading->tls_names[reading->peer->peer.tls_name_count++] = text;
	return true;
}

static bool read_tls_names(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	size_t count = schema_each_count(node);
	reading->tls_names = arena_array(load->arena, count, sizeof *reading->tls_names);
	if (!reading->tls_names)
		return load_memory(load);
	reading->peer->peer.tls_names = reading->tls_names;
	return schema_each(load, node, "tls_names", read_tls_name, reading);
}

static bool read_dialect(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct dialect *dialect = arena_alloc(load->arena, sizeof *dialect);
	if (!dialect)
		return load_memory(load);
	reading->peer->peer.dialect = dialect;
	return dialect_read(load, node, dialect);
}

static bool read_headers(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	return headers_read(load, node, &reading->peer->peer.extra.reply);
}

static bool read_uri_headers(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	return headers_read_uri(load, node, &reading->peer->peer.extra.uri);
}

static bool read_quota(struct load *load, const struct node *node, void *into)
{
	return quota_read_rate(load, node,
	                       &((struct reading *)into)->peer->peer.quota.rate);
}

static bool read_burst(struct load *load, const struct node *node, void *into)
{
	return quota_read_burst(load, node,
	                        &((struct reading *)into)->peer->peer.quota.rate);
}

static bool read_per_source(struct load *load, const struct node *node, void *into)
{
	return quota_read_source(load, node, &((struct reading *)into)->peer->peer.quota);
}

static bool read_over(struct load *load, const struct node *node, void *into)
{
	return quota_read_over(load, node, &((struct reading *)into)->peer->peer.quota);
}

static bool read_spoofable(struct load *load, const struct node *node, void *into)
{
	struct known_peer *known = ((struct reading *)into)->peer;
	known->spoofable_given = true;
	return schema_bool(load, node, "spoofable", &known->peer.spoofable);
}

/* Nobody else can send from loopback: the kernel sees to that. A v6 network that holds
 * all of v4 is one of v4, too. */
static bool is_wide(const struct network *network, const struct limits *limits)
{
	static const struct network all_v4 = {{{[10] = 0xff, [11] = 0xff}}, 96};
	unsigned long v4 = limits->spoofable_v4, v6 = limits->spoofable_v6;
	for (size_t i = 0; i < loopback.network_count; i++)
		if (network_covers(&loopback_networks[i], network))
			return false;
	if (network_covers(&all_v4, network))
		return network->bits < 96 + v4;
	return network->bits < v6 || (v4 && network_covers(network, &all_v4));
}

/* Those for whom the settings do not say it themselves; the limits have been read. */
static void mark_spoofable(struct reading *reading)
{
	for (size_t i = 0; i < reading->known_count; i++) {
		struct known_peer *known = &reading->known[i];
		struct peer *peer = &known->peer;
		for (size_t n = 0; n < peer->network_count && !known->spoofable_given;
		     n++)
			peer->spoofable |=
				is_wide(&peer->networks[n], &reading->settings->limits);
	}
}

static bool list_peers(struct load *load, struct reading *reading)
{
	struct settings *settings = reading->settings;
	const struct peer **peers =
		arena_array(load->arena, reading->known_count, sizeof *peers);
	if (!peers)
		return load_memory(load);
	for (size_t i = 0; i < reading->known_count; i++)
		peers[i] = &reading->known[i].peer;
	settings->peers = peers;
	settings->peer_count = reading->known_count;
	return true;
}

static bool check_peer(struct load *load, const struct node *node,
                       const struct peer *peer)
{
	return peer->networks || peer->tls_names ||
	       load_error(load, node, NULL, "a peer needs \"networks\" or \"tls_names\"");
}

static bool read_peer(struct load *load, const struct pair *pair, struct reading *reading)
{
	static const struct field fields[] = {{"networks", read_networks, 0},
	                                      {"tls_names", read_tls_names, 0},
	                                      {"rate", read_quota, 0},
	                                      {"burst", read_burst, 0},
	                                      {"per_source", read_per_source, 0},
	                                      {"over", read_over, 0},
	                                      {"spoofable", read_spoofable, 0},
	                                      {"dialect", read_dialect, 0},
	                                      {"headers", read_headers, 0},
	                                      {"uri_headers", read_uri_headers, 0}};
	struct known_peer *first = map_find(&reading->peers, pair->key->text);
	struct known_peer *known = &reading->known[reading->known_count];
	*known = (struct known_peer){.position = pair->key->position};
	bool good = read_name(load, pair->key, "peer", first ? &first->position : NULL,
	                      &known->peer.name);
	if (good && !map_add(&reading->peers, load->arena, known->peer.name, known))
		return load_memory(load);
	known->peer.number = reading->known_count;
	reading->known_count += good;
	reading->peer = known;
	good &= schema_read(load, pair->value, "a peer", fields,
	                    sizeof fields / sizeof *fields, reading);
	good &= quota_check(load, pair->value, &known->peer.quota.rate);
	return check_peer(load, pair->value, &known->peer) && good;
}

static bool read_peers(struct load *load, const struct node *node,
                       struct reading *reading)
{
	bool good = true;
	if (!check_mapping(load, node, "peers"))
		return false;
	reading->known = arena_array(load->arena, node->count, sizeof *reading->known);
	if (!reading->known)
		return load_memory(load);
	for (size_t i = 0; i < node->count; i++)
		good &= read_peer(load, &node->pairs[i], reading);
	mark_spoofable(reading);
	return list_peers(load, reading) && good;
}

static void warn_unused(struct load *load, const struct reading *reading)
{
	for (size_t i = 0; i < reading->known_count; i++) {
		const struct known_peer *known = &reading->known[i];
		if (!known->profile)
			load_warning(load, known->position, NULL,
			             "peer \"%s\" is in no profile", known->peer.name.at);
	}
}

/* Profiles */

static const char *known_name(const void *names, size_t i)
{
	return ((const struct known_peer *)names)[i].peer.name.at;
}

static bool read_member(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct slice name;
	char hint[DIAGS_HINT_MAX];
	if (!schema_text(load, node, "peers", &name))
		return false;
	struct known_peer *known = map_find(&reading->peers, name);
	if (!known) {
		const char *near = schema_nearest(name, known_name, reading->known,
		                                  reading->known_count);
		return load_error(load, node,
		                  near ? diags_hint(hint, "did you mean \"%s\"?", near)
		                       : NULL,
		                  "no peer is called \"%s\"", name.at);
	}
	if (known->profile == reading->profile)
		return load_error(load, node, hint_at(hint, "first named", known->named),
		                  "peer \"%s\" is named twice", name.at);
	known->profile = reading->profile;
	known->named = node->position;
	reading->members[reading->profile->peer_count++] = &known->peer;
	return true;
}

static bool read_members(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	size_t count = schema_each_count(node);
	reading->members = arena_array(load->arena, count, sizeof *reading->members);
	if (!reading->members)
		return load_memory(load);
	reading->profile->peers = reading->members;
	return schema_each(load, node, "peers", read_member, reading);
}

/* A listener that cannot be bound together with endpoint: the same, or one of the two is
 * every address. v4 and v6 do not meet: v6 sockets are for v6 only. */
static const struct listen *find_clash(const struct reading *reading,
                                       const struct endpoint *endpoint)
{
	for (size_t i = 0; i < reading->settings->listen_count; i++) {
		const struct endpoint *other = &reading->listens[i].endpoint;
		if (transport_is_stream(other->transport) !=
		            transport_is_stream(endpoint->transport) ||
		    other->port != endpoint->port ||
		    address_is_v4(&other->address) != address_is_v4(&endpoint->address))
			continue;
		if (address_equal(&other->address, &endpoint->address) ||
		    address_is_any(&other->address) || address_is_any(&endpoint->address))
			return &reading->listens[i];
	}
	return NULL;
}

static bool refuse_clash(struct load *load, const struct node *node, const char *text,
                         const struct listen *other)
{
	char hint[DIAGS_HINT_MAX];
	if (slice_equal(slice_of(text), other->text))
		return load_error(load, node, hint_at(hint, "first", other->position),
		                  "\"%s\" is listened on twice", text);
	return load_error(load, node, hint_at(hint, "the other is", other->position),
	                  "\"%s\" and \"%s\" cannot be listened on together", text,
	                  other->text.at);
}

static bool read_listen(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct listen *listen = &reading->listens[reading->settings->listen_count];
	struct endpoint endpoint;
	struct slice text;
	const char *why;
	char canonical[ENDPOINT_TEXT_MAX];
	if (!schema_text(load, node, "listen", &text))
		return false;
	if (!endpoint_parse(text, &endpoint, &why))
		return load_error(load, node,
		                  "write udp:ADDRESS:PORT, tcp:... or tls:...",
		                  "\"%s\" is no listen address: %s", text.at, why);
	endpoint_text(&endpoint, canonical);
	const struct listen *other = find_clash(reading, &endpoint);
	if (other)
		return refuse_clash(load, node, canonical, other);
	if (reading->settings->listen_count == LISTENS_MAX)
		return load_error(load, node, NULL,
		                  "there are more than %d listen addresses", LISTENS_MAX);
	*listen = (struct listen){endpoint, arena_copy(load->arena, slice_of(canonical)),
	                          reading->profile, node->position};
	if (!listen->text.at)
		return load_memory(load);
	reading->settings->listen_count++;
	return true;
}

static bool read_listens(struct load *load, const struct node *node, void *into)
{
	return schema_each(load, node, "listen", read_listen, into);
}

static bool read_stack(struct load *load, const struct node *node, void *into)
{
	static const char *const names[] = {[STACK_OURS] = "ours", [STACK_NTA] = "nta"};
	struct reading *reading = into;
	size_t choice;
	if (!schema_choice(load, node, "stack", names, 2, &choice))
		return false;
	reading->profile->stack = (enum stack)choice;
	return true;
}

static bool read_realm(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct realm *realm = arena_alloc(load->arena, sizeof *realm);
	if (!realm)
		return load_memory(load);
	reading->profile->realm = realm;
	reading->realms[reading->settings->realm_count++] = realm;
	return realm_read(load, node, realm);
}

static bool read_tls(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct credentials *credentials = arena_alloc(load->arena, sizeof *credentials);
	if (!credentials)
		return load_memory(load);
	reading->profile->credentials = credentials;
	return credentials_read(load, node, credentials);
}

static bool check_tls_listen(struct load *load, const struct listen *listen)
{
	const char *hint, *what;
	if (listen->profile->stack == STACK_NTA) {
		what = "there is no TLS with \"stack: nta\"";
		hint = "leave \"stack\" out, or make a profile of its own for it";
	} else if (!listen->profile->credentials) {
		what = "the profile needs \"tls\"";
		hint = "add tls: {certificate: cert.pem, key: key.pem}";
	} else {
		return true;
	}
	diags_add(load->diags, SEVERITY_ERROR, listen->position, hint, "\"%s\": %s",
	          listen->text.at, what);
	return false;
}

/* What the keys of a profile mean together, once all have been read. */
static bool check_tls(struct load *load, const struct reading *reading)
{
	const struct profile *profile = reading->profile;
	bool used = false, good = true;
	for (size_t i = 0; i < reading->settings->listen_count; i++) {
		const struct listen *listen = &reading->listens[i];
		if (listen->profile != profile ||
		    listen->endpoint.transport != TRANSPORT_TLS)
			continue;
		used = true;
		good &= check_tls_listen(load, listen);
	}
	if (profile->credentials && !used)
		load_warning(load, profile->credentials->position, NULL,
		             "\"tls\" is not used: no listen address of the profile "
		             "begins with tls:");
	return good;
}

static const struct profile *profile_of(const struct settings *settings,
                                        struct slice name)
{
	for (size_t i = 0; i < settings->profile_count; i++)
		if (slice_equal(settings->profiles[i]->name, name))
			return settings->profiles[i];
	return NULL;
}

/* nta's agents are what they were at the start. */
static void keep_stack(struct load *load, struct reading *reading,
                       const struct node *node)
{
	struct profile *profile = reading->profile;
	const struct profile *old =
		reading->in_force ? profile_of(reading->in_force, profile->name) : NULL;
	if (old && old->stack != profile->stack) {
		load_warning(load, node->position, NULL,
		             "the stack of profile \"%s\" cannot change while the "
		             "server runs: restart it",
		             profile->name.at);
		profile->stack = old->stack;
	}
	for (size_t i = 0; i < reading->settings->listen_count; i++) {
		struct listen *listen = &reading->listens[i];
		if (!reading->in_force || listen->profile != profile ||
		    profile->stack != STACK_NTA)
			continue;
		const struct listen *open =
			settings_listen(reading->in_force, DOOR_AGENT, &listen->endpoint);
		listen->unopened = !open || open->unopened;
		if (listen->unopened)
			load_warning(load, listen->position, NULL,
			             "\"%s\" is not opened while the server runs, as "
			             "its stack is nta: restart it",
			             listen->text.at);
	}
}

static bool asks_for_certificates(const struct profile *profile)
{
	return profile->credentials && profile->credentials->verify != VERIFY_NONE;
}

/* Names say nothing where no certificate is verified. */
static void check_names(struct load *load, const struct node *node,
                        struct profile *profile)
{
	bool asks = asks_for_certificates(profile);
	for (size_t i = 0; i < profile->peer_count; i++) {
		const struct peer *peer = profile->peers[i];
		profile->identifies |= asks && peer->tls_names;
		if (!asks && peer->tls_names && (!peer->networks || profile->credentials))
			load_warning(load, node->position,
			             "tls_names need tls: {client_ca: ...}",
			             "peer \"%s\" is not known by its tls_names: the "
			             "profile verifies no certificates",
			             peer->name.at);
	}
}

static bool read_profile(struct load *load, const struct pair *pair,
                         struct reading *reading)
{
	static const struct field fields[] = {{"listen", read_listens, FIELD_REQUIRED},
	                                      {"peers", read_members, FIELD_REQUIRED},
	                                      {"tls", read_tls, 0},
	                                      {"auth", read_realm, 0},
	                                      {"stack", read_stack, 0}};
	struct position *place = arena_alloc(load->arena, sizeof *place);
	struct profile *profile = arena_alloc(load->arena, sizeof *profile);
	if (!place || !profile)
		return load_memory(load);
	*place = pair->key->position;
	profile->number = reading->settings->profile_count;
	bool good =
		read_name(load, pair->key, "profile",
	                  map_find(&reading->profiles, pair->key->text), &profile->name);
	if (good && !map_add(&reading->profiles, load->arena, profile->name, place))
		return load_memory(load);
	reading->profile = profile;
	good &= schema_read(load, pair->value, "a profile", fields,
	                    sizeof fields / sizeof fields[0], reading);
	keep_stack(load, reading, pair->key);
	good &= load->out_of_memory || check_tls(load, reading);
	check_names(load, pair->key, profile);
	return make_lookup(load, profile) && good;
}

static bool read_profiles(struct load *load, const struct node *node,
                          struct reading *reading)
{
	struct settings *settings = reading->settings;
	bool good = true;
	if (!check_mapping(load, node, "profiles"))
		return false;
	if (node->count == 0)
		return load_error(load, node,
		                  "leave the key out to listen on 127.0.0.1 only",
		                  "there is no profile in profiles");
	const struct profile **profiles =
		arena_array(load->arena, node->count, sizeof *profiles);
	reading->listens =
		arena_array(load->arena, LISTENS_MAX, sizeof *reading->listens);
	reading->realms = arena_array(load->arena, node->count, sizeof *reading->realms);
	if (!profiles || !reading->listens || !reading->realms)
		return load_memory(load);
	settings->listens = reading->listens;
	settings->realms = reading->realms;
	settings->profiles = profiles;
	for (size_t i = 0; i < node->count; i++) {
		good &= read_profile(load, &node->pairs[i], reading);
		profiles[settings->profile_count++] = reading->profile;
	}
	return good;
}

bool profiles_read(struct load *load, const struct node *profiles,
                   const struct node *peers, const struct settings *in_force,
                   struct settings *settings)
{
	struct reading reading = {.settings = settings, .in_force = in_force};
	bool good = !peers || read_peers(load, peers, &reading);
	good &= profiles ? read_profiles(load, profiles, &reading)
	                 : use_builtin(load, settings);
	warn_unused(load, &reading);
	return good;
}

const struct peer *profile_peer(const struct profile *profile,
                                const struct address *address)
{
	return peers_find(profile->lookup, address);
}
