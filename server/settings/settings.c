/* SPDX-License-Identifier: MIT */
#include "server/settings/settings.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rules/path.h"
#include "rules/schema.h"
#include "rules/units.h"
#include "server/settings/logging.h"
#include "server/settings/methods.h"
#include "server/settings/profiles.h"
#include "server/trust/secret.h"

#define DRAIN_MS           5000    /* without settings nobody probes it: then none */
#define DRAIN_MAX_MS       3600000 /* 1h */
#define SETTINGS_BYTES_MAX ((size_t)16 << 20) /* and again for the file's tree */

struct kept {
	struct settings settings; /* first: settings_free() gets a pointer to it */
	struct arena *arena;
	struct document *document; /* names and positions point into it */
};

/* What every reader below gets to write into. */
struct reading {
	struct settings *settings;
	const char *path;                /* of the settings file */
	const struct settings *in_force; /* may be NULL */
	const struct node *profiles, *peers, *workers, *spread, *sandbox, *user;
};

static bool read_rules(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	return path_read(load, node, "rules", &reading->settings->rules_path);
}

static bool read_secret(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	const char *path;
	reading->settings->secret_position = node->position;
	return path_read(load, node, "secret", &path) &&
	       secret_read(load, node, path, &reading->settings->secret);
}

static bool read_methods(struct load *load, const struct node *node, void *into)
{
	return methods_read(load, node, ((struct reading *)into)->settings);
}

static bool read_log(struct load *load, const struct node *node, void *into)
{
	return logging_read(load, node, ((struct reading *)into)->settings);
}

static bool read_mirror(struct load *load, const struct node *node, void *into)
{
	return logging_read_mirror(load, node, ((struct reading *)into)->settings);
}

static bool read_limits(struct load *load, const struct node *node, void *into)
{
	struct settings *settings = ((struct reading *)into)->settings;
	return limits_read(load, node, &settings->limits, &settings->rate);
}

/* Workers */

static unsigned cores(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);
	return count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : (unsigned)count;
}

static bool read_workers(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	unsigned long count;
	reading->workers = node;
	if (node->type == NODE_SCALAR && slice_equal(node->text, slice_of("auto")))
		return true;
	if (node->type != NODE_SCALAR || !node->plain || node->text.at[0] == '0' ||
	    !slice_number(node->text, WORKERS_MAX, &count))
		return load_error(
			load, node, NULL,
			"\"workers\" must be auto or a whole number from 1 to %d",
			WORKERS_MAX);
	reading->settings->workers = (unsigned)count;
	return true;
}

static bool read_spread(struct load *load, const struct node *node, void *into)
{
	static const char *const names[] = {
		[SPREAD_FLOW] = "flow", [SPREAD_PACKET] = "packet"};
	struct reading *reading = into;
	size_t choice;
	reading->spread = node;
	if (!schema_choice(load, node, "spread", names, 2, &choice))
		return false;
	reading->settings->spread = (enum spread)choice;
	return true;
}

/* The process */

static bool read_name(struct load *load, const struct node *node, const char *what,
                      struct slice *name, struct position *position)
{
	struct slice text;
	if (!schema_text(load, node, what, &text))
		return false;
	*position = node->position;
	*name = arena_copy(load->arena, text);
	return name->at || load_memory(load);
}

static bool read_user(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct account *account = &reading->settings->account;
	reading->user = node;
	return read_name(load, node, "user", &account->user, &account->user_at);
}

static bool read_group(struct load *load, const struct node *node, void *into)
{
	struct account *account = &((struct reading *)into)->settings->account;
	return read_name(load, node, "group", &account->group, &account->group_at);
}

/* Nothing else of the file is looked at; what is wrong with it is found later. */
static bool read_account(struct load *load, const struct node *root,
                         struct reading *reading)
{
	bool good = true;
	for (size_t i = 0; root->type == NODE_MAPPING && i < root->count; i++) {
		const struct pair *pair = &root->pairs[i];
		if (slice_equal(pair->key->text, slice_of("user")))
			good &= read_user(load, pair->value, reading);
		else if (slice_equal(pair->key->text, slice_of("group")))
			good &= read_group(load, pair->value, reading);
	}
	return good;
}

static bool check_account(struct load *load, const struct account *account)
{
	if (!account->group.len || account->user.len)
		return true;
	diags_add(load->diags, SEVERITY_ERROR, account->group_at, "add \"user\"",
	          "\"group\" is nothing without \"user\"");
	return false;
}

static bool read_sandbox(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	reading->sandbox = node;
	return schema_bool(load, node, "sandbox", &reading->settings->sandbox);
}

static bool read_drain(struct load *load, const struct node *node, void *into)
{
	struct settings *settings = ((struct reading *)into)->settings;
	struct slice text;
	if (!schema_text(load, node, "drain", &text))
		return false;
	if (slice_equal(text, slice_of("0s"))) {
		settings->drain_ms = 0;
		return true;
	}
	return units_duration(text, DRAIN_MAX_MS, &settings->drain_ms) ||
	       load_error(load, node, "write 5s or 500ms; with 0s it stops at once",
	                  "\"%s\" is no duration from 0s to 1h", text.at);
}

/* Metrics */

static bool read_metrics(struct load *load, const struct node *node, void *into)
{
	return metrics_read(load, node, &((struct reading *)into)->settings->metrics);
}

/* Names of gateways that are probed are asked of this server. */
static bool read_resolver(struct load *load, const struct node *node, void *into)
{
	struct settings *settings = ((struct reading *)into)->settings;
	struct endpoint endpoint;
	struct slice text;
	char udp[ENDPOINT_TEXT_MAX], hostport[ENDPOINT_TEXT_MAX];
	const char *why;
	if (!schema_text(load, node, "resolver", &text))
		return false;
	bool has_port = text.at[0] == '[' ? slice_find(text, ']') + 1 < text.len
	                                  : slice_find(text, ':') < text.len;
	snprintf(udp, sizeof udp, "udp:%s%s", text.at, has_port ? "" : ":53");
	if (text.len + sizeof "udp::53" > sizeof udp ||
	    !endpoint_parse(slice_of(udp), &endpoint, &why))
		return load_error(load, node, "write resolver: 192.0.2.1, or with a port",
		                  "\"resolver\" must be an address");
	text = arena_copy(load->arena, slice_of(endpoint_hostport(&endpoint, hostport)));
	settings->resolver = text.at;
	return text.at || load_memory(load);
}

/* Loading again */

/* node: what is new, NULL if it is left out. */
static void warn_fixed(struct load *load, const struct reading *reading,
                       const struct node *node, const char *key)
{
	load_warning(load,
	             node ? node->position : (struct position){.file = reading->path},
	             NULL, "\"%s\" cannot change while the server runs: restart it", key);
}

static bool keep_account(struct load *load, const struct reading *reading)
{
	const struct account *old = &reading->in_force->account;
	struct account *new = &reading->settings->account;
	if (slice_equal(new->user, old->user) && slice_equal(new->group, old->group))
		return true;
	warn_fixed(load, reading, reading->user, "user");
	new->user = arena_copy(load->arena, old->user);
	new->group = arena_copy(load->arena, old->group);
	return (new->user.at &&new->group.at) || load_memory(load);
}

/* What cannot change stays as it is in what is in force: so there is a warning each time
 * until the file says that, too. */
static bool keep_fixed(struct load *load, const struct reading *reading)
{
	const struct settings *old = reading->in_force;
	struct settings *new = reading->settings;
	new->log_first = old ? old->log_first : new->log_to;
	if (!old)
		return true;
	if (new->workers != old->workers)
		warn_fixed(load, reading, reading->workers, "workers");
	if (new->spread != old->spread)
		warn_fixed(load, reading, reading->spread, "spread");
	if (new->sandbox != old->sandbox)
		warn_fixed(load, reading, reading->sandbox, "sandbox");
	new->workers = old->workers;
	new->spread = old->spread;
	new->sandbox = old->sandbox;
	return keep_account(load, reading) && logging_keep_fixed(load, old, new);
}

/* The whole */

static bool read_file(struct load *load, const struct node *root, struct reading *reading)
{
	/* Profiles name peers, which may follow them: both are read at the end. */
	static const struct field fields[] = {
		{"profiles", schema_keep, 0, offsetof(struct reading, profiles)},
		{"peers", schema_keep, 0, offsetof(struct reading, peers)},
		{"rules", read_rules, 0},
		{"secret", read_secret, 0},
		{"workers", read_workers, 0},
		{"spread", read_spread, 0},
		{"log", read_log, 0},
		{"metrics", read_metrics, 0},
		{"hep", read_mirror, 0},
		{"methods", read_methods, 0},
		{"limits", read_limits, 0},
		{"user", read_user, 0},
		{"group", read_group, 0},
		{"sandbox", read_sandbox, 0},
		{"resolver", read_resolver, 0},
		{"drain", read_drain, 0},
	};
	struct settings *settings = reading->settings;
	bool good = schema_read(load, root, "the settings", fields,
	                        sizeof fields / sizeof fields[0], reading);
	good &= profiles_read(load, reading->profiles, reading->peers, reading->in_force,
	                      settings);
	good &= check_account(load, &settings->account);
	good &= keep_fixed(load, reading);
	if (!settings->rules_path)
		settings->rules_path =
			path_resolve(load, reading->path, slice_of("rules.yaml"));
	return good && settings->rules_path;
}

static bool read_settings(struct load *load, const char *path,
                          const struct settings *in_force, struct kept *kept)
{
	struct settings *settings = &kept->settings;
	struct reading reading = {
		.settings = settings, .path = path, .in_force = in_force};
	settings->workers = cores();
	settings->secret_position.file = path;
	settings->sandbox = true;
	settings->drain_ms = path ? DRAIN_MS : 0;
	settings->limits = limits_default;
	settings->method_count = 1;
	settings->methods[0] = slice_of("INVITE");
	if (!path)
		return profiles_read(load, NULL, NULL, in_force, settings) &&
		       methods_allow(load, settings);
	kept->document = document_read(path, SETTINGS_BYTES_MAX, load->diags);
	return kept->document &&
	       read_file(load, document_root(kept->document), &reading) &&
	       methods_allow(load, settings);
}

static bool read_settings_account(struct load *load, const char *path,
                                  const struct settings *in_force, struct kept *kept)
{
	struct reading reading = {
		.settings = &kept->settings, .path = path, .in_force = in_force};
	kept->document = document_read(path, SETTINGS_BYTES_MAX, load->diags);
	return kept->document &&
	       read_account(load, document_root(kept->document), &reading);
}

/* The bytes are the arena's, so ours to write. */
void settings_wipe(struct settings *settings)
{
	if (settings->secret.len)
		explicit_bzero((void *)(uintptr_t)settings->secret.at,
		               settings->secret.len);
}

static void kept_free(struct kept *kept)
{
	if (!kept)
		return;
	settings_wipe(&kept->settings);
	for (size_t i = 0; i < kept->settings.realm_count; i++)
		users_free(kept->settings.realms[i]->users);
	document_free(kept->document);
	arena_free(kept->arena);
}

typedef bool kept_reader(struct load *load, const char *path,
                         const struct settings *in_force, struct kept *kept);

static struct settings *kept_load(kept_reader *read, const char *path,
                                  const struct settings *in_force, struct diags *diags)
{
	struct load load = {.arena = arena_new(SETTINGS_BYTES_MAX), .diags = diags};
	struct kept *kept = load.arena ? arena_alloc(load.arena, sizeof *kept) : NULL;
	if (kept) {
		kept->arena = load.arena;
		if (read(&load, path, in_force, kept))
			return &kept->settings;
	}
	if (!kept || load.out_of_memory)
		diags_add(diags, SEVERITY_ERROR, (struct position){.file = path}, NULL,
		          "out of memory");
	kept_free(kept);
	return NULL;
}

struct settings *settings_load(const char *path, struct diags *diags)
{
	return kept_load(read_settings, path, NULL, diags);
}

struct settings *settings_load_account(const char *path, struct diags *diags)
{
	return kept_load(read_settings_account, path, NULL, diags);
}

struct settings *settings_reload(const char *path, const struct settings *in_force,
                                 struct diags *diags)
{
	return kept_load(read_settings, path, in_force, diags);
}

enum door listen_door(const struct listen *listen)
{
	if (listen->profile->stack == STACK_NTA)
		return DOOR_AGENT;
	return transport_is_stream(listen->endpoint.transport) ? DOOR_STREAM
	                                                       : DOOR_DATAGRAM;
}

const struct listen *settings_listen(const struct settings *settings, enum door door,
                                     const struct endpoint *endpoint)
{
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		if (listen_door(listen) == door &&
		    endpoint_equal(&listen->endpoint, endpoint))
			return listen;
	}
	return NULL;
}

size_t settings_count(const struct settings *settings, enum door door)
{
	size_t count = 0;
	for (size_t i = 0; i < settings->listen_count; i++)
		count += listen_door(&settings->listens[i]) == door;
	return count;
}

void settings_free(struct settings *settings)
{
	kept_free((struct kept *)settings);
}
