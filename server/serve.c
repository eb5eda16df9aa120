/* SPDX-License-Identifier: MIT */
#include "server/serve.h"

#include <errno.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sofia-sip/su_wait.h>

#include "server/clock.h"
#include "server/doors/doors.h"
#include "server/doors/guard.h"
#include "server/doors/spare.h"
#include "server/log/hep.h"
#include "server/log/journal.h"
#include "server/log/log.h"
#include "server/operations/lifecycle.h"
#include "server/operations/notify.h"
#include "server/operations/operations.h"
#include "server/operations/probes.h"
#include "server/reload.h"
#include "server/sip/message.h"
#include "server/trust/privilege.h"
#include "server/trust/sandbox.h"

#define REAP_MS 10 /* as long as a worker holds an old configuration */

struct server {
	struct snapshot *snapshot;
	struct operations operations;
	struct reloads reloads;
	struct followers followers;
	struct tag_keys keys;
	struct activation *activation; /* NULL: no sockets were passed */
	struct notify *notify;         /* NULL: there is no service manager */
	int64_t end_ms;                /* of draining, monotonic; 0: not draining */
	int64_t alive_ms; /* when the service manager is told next that we are */
};

static int say_failure(const char *what, int error)
{
	fprintf(stderr, "signpost: %s%s%s\n", what, error ? ": " : "",
	        error ? strerror(error) : "");
	return 1;
}

/*
 * SIGHUP            reload settings, routing table and certificates
 * SIGUSR1           open the log's file again, which has been moved away
 * SIGTERM           drain, then stop; the second one, or SIGINT: stop at once
 * SIGINT            stop
 * SIGPIPE           ignored: a peer may go away at any time
 *
 * They are blocked in every thread and taken one at a time by wait_for_signals(). A
 * signal that comes twice while it is pending counts once, so SIGHUPs during a reload
 * make one more.
 */
static void signals_taken(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGHUP);
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGINT);
}

void serve_block_signals(void)
{
	sigset_t set;
	signals_taken(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* How long to wait if it is not longer than max_ms to due_ms; 0: that never comes. */
static int64_t until(int64_t due_ms, int64_t max_ms)
{
	int64_t left_ms = due_ms ? due_ms - clock_ms() : max_ms;
	return left_ms < 0 ? 0 : left_ms < max_ms ? left_ms : max_ms;
}

/* The service manager hears of us as long as every thread that answers comes round its
 * loop. If one is late it is looked for again, soon. */
static void show_life(void *arg)
{
	struct server *server = arg;
	int64_t interval_ms = (int64_t)notify_alive_ms(server->notify), now = clock_ms();
	if (!interval_ms || now < server->alive_ms)
		return;
	if (!doors_have_answered(server->followers.doors)) {
		server->alive_ms = now + interval_ms / 10 + 1;
		return;
	}
	server->alive_ms = now + interval_ms;
	notify_alive(server->notify);
	doors_ring(server->followers.doors);
}

/* The next signal, or -1 when it is time to look after things. */
static int next_signal(struct server *server)
{
	sigset_t set;
	int64_t wait_ms = LOG_FLOOD_S * 1000;
	signals_taken(&set);
	/* an old configuration may still be held by a worker */
	if (snapshot_reap(server->snapshot))
		wait_ms = REAP_MS;
	wait_ms = until(server->end_ms, wait_ms);
	wait_ms = until(server->alive_ms, wait_ms);
	const struct timespec wait = {wait_ms / 1000, wait_ms % 1000 * 1000000};
	return sigtimedwait(&set, NULL, &wait);
}

static void tell_ready(const struct server *server, const char *prefix)
{
	const struct configuration *configuration = snapshot_acquire(server->snapshot);
	size_t listeners = configuration->settings->listen_count;
	char counts[COUNTS_TEXT_MAX], status[COUNTS_TEXT_MAX + 128];
	snprintf(status, sizeof status, "%s%s on %zu listener%s", prefix,
	         configuration_counts(configuration->table, counts), listeners,
	         listeners == 1 ? "" : "s");
	notify_ready(server->notify, status);
	snapshot_release(server->snapshot, configuration);
}

static void exchange(struct server *server)
{
	notify_reloading(server->notify);
	bool good = reload(server->snapshot, &server->followers, &server->keys);
	tell_ready(server, good ? "" : "the last reload failed; as before ");
}

/* Calls are still answered; nobody who asks first will send one. False: there is no time
 * for that. */
static bool drain(struct server *server)
{
	const struct configuration *configuration = snapshot_acquire(server->snapshot);
	unsigned long ms = configuration->settings->drain_ms;
	snapshot_release(server->snapshot, configuration);
	if (!ms)
		return false;
	lifecycle_enter(LIFECYCLE_DRAINING);
	server->end_ms = clock_ms() + (int64_t)ms;
	log_event(LOG_INFO, "draining ms=%lu", ms);
	notify_stopping(server->notify, ms);
	return true;
}

/* False: the end. */
static bool take_signal(struct server *server, int number)
{
	bool draining = lifecycle_state() == LIFECYCLE_DRAINING;
	switch (number) {
	case SIGHUP:
		if (draining)
			log_event(LOG_WARNING, "not reloaded, the server is draining");
		else
			exchange(server);
		return true;
	case SIGUSR1:
		journal_reopen();
		return true;
	case SIGTERM:
		return !draining && drain(server);
	case SIGINT:
		return false;
	default:
		return !draining || clock_ms() < server->end_ms;
	}
}

/* Malloc keeps what is freed: after a flood of connections that is as much as they all
 * had at once. */
static void give_back(struct server *server)
{
	if (doors_have_emptied(server->followers.doors))
		malloc_trim(0);
}

static void wait_for_signals(struct server *server)
{
	do {
		log_flush(false);
		operations_note(&server->operations);
		give_back(server);
		show_life(server);
	} while (take_signal(server, next_signal(server)));
}

/* What is served, on which addresses, and one line to try. */
static void announce(const struct server *server)
{
	const struct configuration *configuration = snapshot_acquire(server->snapshot);
	const struct settings *settings = configuration->settings;
	char counts[COUNTS_TEXT_MAX], hostport[ENDPOINT_TEXT_MAX];
	log_plain("signpost %s: %s from %s", VERSION,
	          configuration_counts(configuration->table, counts),
	          configuration->rules_path);
	for (size_t i = 0; i < settings->listen_count; i++)
		log_plain("listening on %s (profile %s)", settings->listens[i].text.at,
		          settings->listens[i].profile->name.at);
	if (settings->metrics.given)
		log_plain("metrics on http://%s/metrics",
		          endpoint_hostport(&settings->metrics.listen, hostport));
	if (!settings->secret.len)
		log_plain("no secret in the settings, so one was made: replicas would "
		          "need the same");
	if (privilege_is_root())
		log_plain("no user in the settings, so it stays root");
	log_plain("ready; to try it: %s route -r %s +442071234567",
	          program_invocation_name, configuration->rules_path);
	snapshot_release(server->snapshot, configuration);
}

static bool has_low_port(const struct settings *settings)
{
	for (size_t i = 0; i < settings->listen_count; i++)
		if (settings->listens[i].endpoint.port < IPPORT_RESERVED)
			return true;
	return settings->metrics.given && settings->metrics.listen.port < IPPORT_RESERVED;
}

static unsigned sandbox_features(const struct configuration *configuration)
{
	const struct settings *settings = configuration->settings;
	return (settings->log_to == LOG_TO_FILE ? SANDBOX_APPENDING : 0) |
	       (configuration->connects ? SANDBOX_CONNECTING : 0) |
	       (settings_count(settings, DOOR_AGENT) ? SANDBOX_SETTING_FLAGS : 0);
}

/* All sockets are open, all threads there: from here on it only serves. */
static bool lock_down(const struct server *server)
{
	const struct configuration *configuration = snapshot_acquire(server->snapshot);
	bool low_port = has_low_port(configuration->settings);
	bool sandbox = configuration->settings->sandbox;
	unsigned features = sandbox_features(configuration);
	snapshot_release(server->snapshot, configuration);
	if (!privilege_settle(low_port)) {
		log_plain("signpost: cannot give up privileges: %s", strerror(errno));
		return false;
	}
	if (!sandbox || sandbox_is_instrumented())
		return true;
	int error = sandbox_enter(sandbox_action(), features);
	if (error)
		log_event(LOG_WARNING, "no sandbox error=\"%s\"", strerror(-error));
	return true;
}

static bool open_http(struct server *server)
{
	struct diags *diags = diags_new();
	const struct configuration *configuration = snapshot_acquire(server->snapshot);
	server->operations.probes = server->followers.probes;
	server->operations.keys = &server->keys;
	if (diags)
		server->followers.http = operations_start(&server->operations,
		                                          configuration->settings, diags);
	snapshot_release(server->snapshot, configuration);
	if (diags && !server->followers.http)
		log_findings(diags);
	diags_free(diags);
	return server->followers.http;
}

static void start_mirror(const struct server *server)
{
	const struct configuration *configuration = snapshot_acquire(server->snapshot);
	hep_configure(configuration->settings);
	snapshot_release(server->snapshot, configuration);
}

/* With what is in force, and from then on what is put in force. */
static bool open_probes(struct server *server)
{
	server->followers.probes = probes_new(server->snapshot);
	if (server->followers.probes && probes_adopt(server->followers.probes))
		return true;
	log_event(LOG_ERROR, "gateways cannot be probed error=\"%s\"", strerror(errno));
	return false;
}

static bool open_all(struct server *server)
{
	start_mirror(server);
	server->followers.doors = doors_open(
		&(struct answering){.snapshot = server->snapshot,
	                            .keys = &server->keys,
	                            .activation = server->activation,
	                            .counterset = &server->operations.counterset});
	return server->followers.doors && open_probes(server) && open_http(server);
}

static int run(struct server *server)
{
	server->followers.on_progress = show_life;
	server->followers.arg = server;
	bool ready = open_all(server) && lock_down(server);
	if (ready) {
		lifecycle_enter(LIFECYCLE_SERVING);
		announce(server);
		tell_ready(server, "");
		wait_for_signals(server);
		log_event(LOG_INFO, "stopping");
		if (lifecycle_state() != LIFECYCLE_DRAINING)
			notify_stopping(server->notify, 0);
	}
	http_stop(server->followers.http);
	probes_free(server->followers.probes);
	doors_close(server->followers.doors);
	hep_stop();
	return ready ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What is counted, and by which names. False: out of memory. */
static bool start_counting(struct server *server, struct configuration *configuration)
{
	struct registry *registry = registry_new();
	if (!registry)
		return false;
	numbering_start(registry);
	configuration->numbering =
		numbering_new(registry, configuration->settings, configuration->table);
	if (configuration->settings->metrics.given)
		configuration->filesums = filesums_new(configuration->table, NULL, NULL);
	reloads_start(&server->reloads);
	server->followers.registry = registry;
	server->followers.reloads = &server->reloads;
	server->operations.registry = registry;
	server->operations.reloads = &server->reloads;
	server->operations.history = history_new();
	server->operations.start_s = (double)time(NULL);
	server->operations.secret_made = !configuration->settings->secret.len;
	return configuration->numbering && server->operations.history;
}

static void stop_counting(struct server *server)
{
	counterset_free(&server->operations.counterset);
	reloads_free(&server->reloads);
	history_free(server->operations.history);
	registry_free(server->operations.registry);
}

int serve(struct configuration *configuration)
{
	static struct server server = {.reloads = {RELOADS_INIT}};
	guard_init();
	spare_init();
	server.notify = notify_open();
	server.activation = activation_take();
	if (su_init() < 0 || !message_init())
		return say_failure("cannot start sofia-sip", 0);
	if (!tag_keys_init(&server.keys, configuration->settings->secret))
		return say_failure("cannot start libsodium", 0);
	settings_wipe(configuration->settings);
	if (!start_counting(&server, configuration))
		return say_failure("cannot start", ENOMEM);
	struct sink *sink = configuration->sink;
	configuration->sink = NULL;
	configuration->connects = !configuration->settings->sandbox ||
	                          table_probed_count(configuration->table) > 0;
	server.snapshot = snapshot_new(configuration);
	if (!server.snapshot)
		return say_failure("cannot start", ENOMEM);
	server.operations.snapshot = server.snapshot;
	*configuration = (struct configuration){0};
	if (!privilege_fix())
		return say_failure("cannot do without new privileges", errno);
	int error = journal_start(sink);
	if (error)
		return say_failure("cannot start the log", error);
	int status = run(&server);
	log_flush(true);
	journal_stop();
	notify_close(server.notify);
	activation_free(server.activation);
	explicit_bzero(&server.keys, sizeof server.keys);
	snapshot_free(server.snapshot);
	stop_counting(&server);
	su_deinit();
	return status;
}
