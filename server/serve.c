/* SPDX-License-Identifier: MIT */
#include "server/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <sofia-sip/su_wait.h>

#include "server/agent.h"
#include "server/guard.h"
#include "server/log.h"
#include "server/redirect.h"
#include "server/reload.h"

struct server {
	const struct configuration *configuration;
	struct snapshot *snapshot;
	struct tag_keys keys;
	size_t worker_count;
	struct worker {
		struct redirect *redirect;
		struct agent *agent;
	} workers[WORKERS_MAX];
};

static int say_failure(const char *what, int error)
{
	fprintf(stderr, "signpost: %s%s%s\n", what, error ? ": " : "",
	        error ? strerror(error) : "");
	return 1;
}

/*
 * SIGHUP            reload the routing table
 * SIGTERM, SIGINT   stop
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

static void wait_for_signals(struct server *server)
{
	sigset_t set;
	const struct timespec tick = {LOG_FLOOD_S, 0};
	signals_taken(&set);
	for (;;) {
		int number = sigtimedwait(&set, NULL, &tick);
		if (number == SIGHUP)
			reload(server->configuration, server->snapshot);
		else if (number == SIGTERM || number == SIGINT)
			return;
		log_flush(false);
	}
}

/* Workers share their ports with each other, and the kernel would let another server of
 * the same user share them too, each getting some of the calls. So see first that nobody
 * is there. */
static bool is_free(const struct listen *listen)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&listen->endpoint, &address);
	bool stream = listen->endpoint.transport == TRANSPORT_TCP;
	int on = 1;
	int fd = socket(address.ss_family,
	                (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return true; /* binding will tell why */
	if (stream)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	bool free =
		bind(fd, (struct sockaddr *)&address, len) == 0 || errno != EADDRINUSE;
	close(fd);
	if (!free)
		fprintf(stderr, "signpost: cannot listen on %s: %s\n", listen->text.at,
		        strerror(EADDRINUSE));
	return free;
}

static bool all_free(const struct settings *settings)
{
	bool free = true;
	for (size_t i = 0; i < settings->listen_count; i++)
		free &= is_free(&settings->listens[i]);
	return free;
}

static bool start_worker(struct server *server, struct worker *worker, size_t of)
{
	const struct settings *settings = server->configuration->settings;
	const struct listen *failed = NULL;
	int error = ENOMEM;
	worker->redirect = redirect_new(settings, server->snapshot, &server->keys);
	if (worker->redirect)
		worker->agent =
			agent_start(settings, worker->redirect, of > 1, &failed, &error);
	if (!worker->agent)
		fprintf(stderr, "signpost: cannot listen on %s: %s\n",
		        failed ? failed->text.at : "anything", strerror(error));
	return worker->agent;
}

static bool start_workers(struct server *server)
{
	size_t count = server->configuration->settings->workers;
	for (size_t i = 0; i < count; i++) {
		server->worker_count++;
		if (!start_worker(server, &server->workers[i], count))
			return false;
	}
	return true;
}

static void stop_workers(struct server *server)
{
	for (size_t i = 0; i < server->worker_count; i++) {
		if (server->workers[i].agent)
			agent_stop(server->workers[i].agent);
		redirect_free(server->workers[i].redirect);
	}
}

/* What is served, on which addresses, and one line to try. */
static void announce(const struct server *server)
{
	const struct settings *settings = server->configuration->settings;
	const struct table *table = snapshot_acquire(server->snapshot);
	char counts[COUNTS_TEXT_MAX];
	fprintf(stderr, "signpost %s: %s from %s\n", VERSION,
	        configuration_counts(table, counts), server->configuration->rules_path);
	snapshot_release(server->snapshot, table);
	for (size_t i = 0; i < settings->listen_count; i++)
		fprintf(stderr, "listening on %s (profile %s)\n",
		        settings->listens[i].text.at,
		        settings->listens[i].profile->name.at);
	if (!settings->secret.len)
		fputs("no secret in the settings, so one was made: replicas would need "
		      "the same\n",
		      stderr);
	fprintf(stderr, "ready; to try it: %s route -r %s +442071234567\n",
	        program_invocation_name, server->configuration->rules_path);
}

static int run(struct server *server)
{
	if (!all_free(server->configuration->settings) || !start_workers(server))
		return 1;
	announce(server);
	wait_for_signals(server);
	log_event(LOG_INFO, "stopping");
	return 0;
}

int serve(struct configuration *configuration)
{
	static struct server server;
	server.configuration = configuration;
	guard_init();
	if (su_init() < 0 || !message_init())
		return say_failure("cannot start sofia-sip", 0);
	if (!tag_keys_init(&server.keys, configuration->settings->secret))
		return say_failure("cannot start libsodium", 0);
	server.snapshot = snapshot_new(configuration->table);
	if (!server.snapshot)
		return say_failure("cannot start", ENOMEM);
	configuration->table = NULL;
	int status = run(&server);
	stop_workers(&server);
	log_flush(true);
	snapshot_free(server.snapshot);
	su_deinit();
	return status;
}
