/* SPDX-License-Identifier: MIT */
#include "server/configuration.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rules/schema.h"
#include "server/clock.h"
#include "server/operations/health.h"
#include "server/trust/privilege.h"

/* What a table is held against. */
struct holding {
	const struct settings *settings;
	struct diags *diags;
	struct ifaddrs *interfaces; /* of this machine, for listeners on all addresses;
	                               may be NULL */
};

static bool is_local(const struct ifaddrs *interfaces, const struct address *address)
{
	struct endpoint endpoint;
	for (const struct ifaddrs *i = interfaces; i; i = i->ifa_next)
		if (i->ifa_addr &&
		    endpoint_from_sockaddr(TRANSPORT_UDP, i->ifa_addr, &endpoint) &&
		    address_equal(&endpoint.address, address))
			return true;
	return false;
}

/* "host" may be a name: those are not looked up, and pass. */
static void check_target(void *arg, struct slice host, unsigned port,
                         struct position position)
{
	const struct holding *holding = arg;
	struct address address;
	char hint[DIAGS_HINT_MAX];
	if (!address_parse(host, &address))
		return;
	for (size_t i = 0; i < holding->settings->listen_count; i++) {
		const struct listen *listen = &holding->settings->listens[i];
		const struct address *mine = &listen->endpoint.address;
		if (port != listen->endpoint.port)
			continue;
		if (!address_equal(mine, &address) &&
		    !(address_is_any(mine) &&
		      address_is_v4(mine) == address_is_v4(&address) &&
		      is_local(holding->interfaces, &address)))
			continue;
		diags_add(holding->diags, SEVERITY_ERROR, position,
		          diags_hint(hint, "this server listens on %s", listen->text.at),
		          "a redirect to this server itself would never end");
		return;
	}
}

static void check_listener(void *arg, struct slice listener, struct position position)
{
	const struct holding *holding = arg;
	for (size_t i = 0; i < holding->settings->listen_count; i++)
		if (slice_equal(holding->settings->listens[i].text, listener))
			return;
	diags_add(holding->diags, SEVERITY_ERROR, position,
	          "listeners are defined in the settings", "no listener is called \"%s\"",
	          listener.at);
}

/* What is there, for "did you mean". */
struct names {
	size_t count;
	const char *items[LISTENS_MAX];
};

static const char *name_at(const void *names, size_t i)
{
	return ((const struct names *)names)->items[i];
}

static void add_name(struct names *names, struct slice name)
{
	if (names->count < LISTENS_MAX)
		names->items[names->count++] = name.at;
}

static void unknown_name(const struct holding *holding, const char *what,
                         struct slice name, const struct names *names,
                         struct position position)
{
	char hint[DIAGS_HINT_MAX];
	const char *near = schema_nearest(name, name_at, names, names->count);
	if (near)
		diags_hint(hint, "did you mean \"%s\"?", near);
	else
		diags_hint(hint, "%ss are defined in the settings", what);
	diags_add(holding->diags, SEVERITY_ERROR, position, hint,
	          "no %s is called \"%s\"", what, name.at);
}

static void check_profile(void *arg, struct slice name, struct position position)
{
	const struct holding *holding = arg;
	const struct settings *settings = holding->settings;
	struct names names = {0};
	for (size_t i = 0; i < settings->profile_count; i++) {
		if (slice_equal(settings->profiles[i]->name, name))
			return;
		add_name(&names, settings->profiles[i]->name);
	}
	unknown_name(holding, "profile", name, &names, position);
}

/* A peer that no profile lets in never calls. */
static void check_peer(void *arg, struct slice name, struct position position)
{
	const struct holding *holding = arg;
	struct names names = {0};
	for (size_t i = 0; i < holding->settings->profile_count; i++) {
		const struct profile *profile = holding->settings->profiles[i];
		for (size_t p = 0; p < profile->peer_count; p++) {
			if (slice_equal(profile->peers[p]->name, name))
				return;
			add_name(&names, profile->peers[p]->name);
		}
	}
	unknown_name(holding, "peer", name, &names, position);
}

/* Users come and go: a rule for one who is not there yet, or no more, is no error. */
static void check_user(void *arg, struct slice name, struct position position)
{
	const struct holding *holding = arg;
	for (size_t i = 0; i < holding->settings->profile_count; i++) {
		const struct realm *realm = holding->settings->profiles[i]->realm;
		if (realm && users_find(realm->users, name))
			return;
	}
	if (name.len)
		diags_add(holding->diags, SEVERITY_WARNING, position,
		          "users are those of the profiles' \"auth\" in the settings",
		          "no user is called \"%s\"", name.at);
}

static struct table *load_table(const struct configuration *configuration,
                                const struct table *previous, struct diags *diags)
{
	size_t errors = diags_errors(diags);
	struct table *table =
		table_reload(configuration->rules_path, previous, TABLE_BYTES_MAX, diags);
	if (!table || !configuration->settings_path)
		return table;
	struct holding holding = {configuration->settings, diags, NULL};
	if (getifaddrs(&holding.interfaces) < 0)
		holding.interfaces = NULL;
	table_visit(table,
	            &(struct table_visitor){&holding, check_target, check_listener,
	                                    check_profile, check_peer, check_user});
	if (holding.interfaces)
		freeifaddrs(holding.interfaces);
	if (diags_errors(diags) == errors)
		return table;
	table_free(table);
	return NULL;
}

/* in_force: NULL, or what is loaded again. */
static bool load_both(struct configuration *configuration,
                      const struct configuration *in_force, struct diags *diags)
{
	configuration->settings =
		settings_reload(configuration->settings_path,
	                        in_force ? in_force->settings : NULL, diags);
	if (!configuration->rules_path && configuration->settings)
		configuration->rules_path = configuration->settings->rules_path;
	if (configuration->rules_path && configuration->settings)
		configuration->table = load_table(
			configuration, in_force ? in_force->table : NULL, diags);
	else if (configuration->rules_path) /* show its findings as well */
		table_free(table_load(configuration->rules_path, TABLE_BYTES_MAX, diags));
	return configuration->settings && configuration->table;
}

static bool load(struct configuration *configuration,
                 const struct configuration *in_force, struct diags *diags)
{
	int64_t start_ns = clock_ns();
	bool good = load_both(configuration, in_force, diags);
	configuration->load_ms = (double)(clock_ns() - start_ns) / 1e6;
	configuration->loaded_at_s = time(NULL);
	return good;
}

/* The file may have been written between the two times that it is read. Then nothing is
 * left with which root could go on. */
static bool check_account(const struct settings *first,
                          struct configuration *configuration, struct diags *diags)
{
	const struct account *account = &configuration->settings->account;
	if (slice_equal(first->account.user, account->user) &&
	    slice_equal(first->account.group, account->group))
		return true;
	diags_add(diags, SEVERITY_ERROR,
	          account->user.len ? account->user_at : first->account.user_at,
	          "start the server again",
	          "\"user\" or \"group\" has changed while the settings were read");
	configuration_free(configuration);
	return false;
}

/* Root reads of the settings only whom to become. All that counts is read by that user,
 * as it will be on SIGHUP: what it may not read is found now. */
static bool load_as_user(struct configuration *configuration, struct diags *diags)
{
	struct settings *first =
		settings_load_account(configuration->settings_path, diags);
	bool good = first && privilege_lower(&first->account, diags) &&
	            load(configuration, NULL, diags) &&
	            check_account(first, configuration, diags);
	settings_free(first);
	return good;
}

bool configuration_load(struct configuration *configuration, struct diags *diags)
{
	if (configuration->serving && configuration->settings_path && privilege_is_root())
		return load_as_user(configuration, diags);
	return load(configuration, NULL, diags);
}

static bool is_open(const struct settings *settings, const struct settings *in_force)
{
	return in_force && settings->log_to == in_force->log_to &&
	       (!settings->log_path ||
	        strcmp(settings->log_path, in_force->log_path) == 0);
}

static bool open_log(struct configuration *configuration, const struct settings *in_force,
                     struct diags *diags)
{
	const struct settings *settings = configuration->settings;
	if (is_open(settings, in_force))
		return true;
	configuration->sink = sink_open(settings->log_to, settings->log_path);
	if (!configuration->sink)
		diags_add(diags, SEVERITY_ERROR, settings->log_position, NULL,
		          "cannot open \"%s\": %s",
		          settings->log_path ? settings->log_path : "the log",
		          strerror(errno));
	return configuration->sink;
}

/* The sandbox is made for what is probed at the start. */
static void check_probes(const struct configuration *configuration,
                         const struct configuration *in_force, struct diags *diags)
{
	struct gateway_view first;
	if (!in_force || in_force->connects || !table_probed_count(configuration->table))
		return;
	table_probed(configuration->table, 0, &first);
	diags_add(diags, SEVERITY_WARNING, first.position,
	          "its sandbox was made for a server that probes no gateway",
	          "\"probe\" needs a restart of the server: no gateway is probed");
}

/* What is down stays so. Without a table, which has findings, there is none. */
static bool make_health(struct configuration *configuration,
                        const struct configuration *in_force, struct diags *diags)
{
	if (!configuration->table)
		return true;
	check_probes(configuration, in_force, diags);
	configuration->health =
		health_new(configuration->table, in_force ? in_force->table : NULL,
	                   in_force ? in_force->health : NULL);
	return configuration->health;
}

/* in_force: NULL at the start. */
static bool load_for_server(struct configuration *configuration,
                            const struct configuration *in_force, struct diags *diags)
{
	if (!configuration->settings)
		return false;
	configuration->limiter =
		limiter_new(configuration->settings, in_force ? in_force->limiter : NULL);
	bool room = make_health(configuration, in_force, diags) && configuration->limiter;
	if (!room)
		diags_add(diags, SEVERITY_ERROR, (struct position){0}, NULL,
		          "out of memory");
	configuration->certificates = certificates_new(configuration->settings, diags);
	bool open = open_log(configuration, in_force ? in_force->settings : NULL, diags);
	return room && configuration->certificates && open;
}

bool configuration_reload(struct configuration *fresh,
                          const struct configuration *in_force, struct diags *diags)
{
	*fresh = (struct configuration){.settings_path = in_force->settings_path,
	                                .connects = in_force->connects};
	if (in_force->rules_path != in_force->settings->rules_path)
		fresh->rules_path = in_force->rules_path; /* -r */
	bool good = load(fresh, in_force, diags);
	good &= load_for_server(fresh, in_force, diags);
	if (!good)
		configuration_free(fresh);
	return good;
}

bool configuration_load_certificates(struct configuration *configuration,
                                     struct diags *diags)
{
	return load_for_server(configuration, NULL, diags);
}

void configuration_free(struct configuration *configuration)
{
	certificates_free(configuration->certificates);
	filesums_free(configuration->filesums);
	numbering_free(configuration->numbering);
	limiter_free(configuration->limiter);
	sink_close(configuration->sink);
	health_free(configuration->health);
	table_free(configuration->table);
	settings_free(configuration->settings);
	configuration->certificates = NULL;
	configuration->filesums = NULL;
	configuration->numbering = NULL;
	configuration->limiter = NULL;
	configuration->sink = NULL;
	configuration->health = NULL;
	configuration->table = NULL;
	configuration->settings = NULL;
}

const char *configuration_counts(const struct table *table, char to[COUNTS_TEXT_MAX])
{
	struct table_counts counts = table_counts(table);
	const struct {
		size_t count;
		const char *name;
		bool always;
	} things[] = {
		{counts.rules, "rule", true},      {counts.gateways, "gateway", true},
		{counts.groups, "group", true},    {counts.tables, "table", false},
		{counts.numbers, "number", false}, {counts.decks, "deck", false},
	};
	int len = 0;
	for (size_t i = 0; i < sizeof things / sizeof *things; i++)
		if (things[i].count || things[i].always)
			len += snprintf(to + len, COUNTS_TEXT_MAX - (size_t)len,
			                "%s%zu %s%s", len ? ", " : "", things[i].count,
			                things[i].name, things[i].count == 1 ? "" : "s");
	return to;
}
