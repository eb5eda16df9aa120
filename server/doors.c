/* SPDX-License-Identifier: MIT */
#include "server/doors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/agent.h"
#include "server/datagram.h"
#include "server/log.h"
#include "server/redirect.h"
#include "server/stream.h"

/* One thread of a door, with what it answers with. */
struct agent_worker {
	struct redirect *redirect;
	struct agent *agent;
};

struct doors {
	struct answering answering;
	struct redirect *datagram_redirects[WORKERS_MAX];
	struct datagram *datagrams[WORKERS_MAX];
	size_t datagram_count;
	struct agent_worker agents[WORKERS_MAX];
	size_t agent_count;
	struct redirect *stream_redirect;
	struct stream *stream;
};

static bool say_not_listening(const struct listen *failed, int error)
{
	log_plain("signpost: cannot listen on %s: %s",
	          failed ? failed->text.at : "anything", strerror(error));
	return false;
}

/* Workers share their ports with each other, and the kernel would let another server of
 * the same user share them too, each getting some of the calls. So see first that nobody
 * is there. */
static bool is_free(const struct listen *listen)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&listen->endpoint, &address);
	bool stream = transport_is_stream(listen->endpoint.transport);
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
	return free || say_not_listening(listen, EADDRINUSE);
}

static bool all_free(const struct settings *settings)
{
	bool free = true;
	for (size_t i = 0; i < settings->listen_count; i++)
		free &= is_free(&settings->listens[i]);
	return free;
}

static struct redirect *redirect_for(const struct doors *doors)
{
	const struct answering *answering = &doors->answering;
	return redirect_new(answering->settings, answering->snapshot, answering->keys);
}

static size_t workers_for(const struct doors *doors, enum door door)
{
	const struct settings *settings = doors->answering.settings;
	return settings_count(settings, door) ? settings->workers : 0;
}

static bool open_datagrams(struct doors *doors)
{
	const struct settings *settings = doors->answering.settings;
	size_t workers = workers_for(doors, DOOR_DATAGRAM);
	for (size_t i = 0; i < workers; i++) {
		const struct listen *failed = NULL;
		int error = ENOMEM;
		struct redirect *redirect = redirect_for(doors);
		doors->datagram_redirects[i] = redirect;
		doors->datagrams[i] =
			redirect ? datagram_start(settings, redirect, &failed, &error)
				 : NULL;
		doors->datagram_count = i + 1;
		if (!doors->datagrams[i])
			return say_not_listening(failed, error);
	}
	if (workers > 1 && settings->spread == SPREAD_PACKET &&
	    !datagram_spread_packets(doors->datagrams, workers))
		log_event(LOG_WARNING, "packets are not spread error=\"%s\"",
		          strerror(errno));
	return true;
}

static bool open_agents(struct doors *doors)
{
	size_t workers = workers_for(doors, DOOR_AGENT);
	for (size_t i = 0; i < workers; i++) {
		struct agent_worker *worker = &doors->agents[i];
		const struct listen *failed = NULL;
		int error = ENOMEM;
		doors->agent_count = i + 1;
		worker->redirect = redirect_for(doors);
		if (worker->redirect)
			worker->agent =
				agent_start(doors->answering.settings, worker->redirect,
			                    workers > 1, &failed, &error);
		if (!worker->agent)
			return say_not_listening(failed, error);
	}
	return true;
}

static bool open_stream(struct doors *doors)
{
	const struct answering *answering = &doors->answering;
	const struct listen *failed = NULL;
	int error = ENOMEM;
	if (settings_count(answering->settings, DOOR_STREAM) == 0)
		return true;
	doors->stream_redirect = redirect_for(doors);
	if (doors->stream_redirect)
		doors->stream = stream_start(answering->settings, doors->stream_redirect,
		                             answering->certificates, &failed, &error);
	return doors->stream || say_not_listening(failed, error);
}

struct doors *doors_open(const struct answering *answering)
{
	struct doors *doors = calloc(1, sizeof *doors);
	if (!doors) {
		say_not_listening(NULL, ENOMEM);
		return NULL;
	}
	doors->answering = *answering;
	if (all_free(answering->settings) && open_datagrams(doors) &&
	    open_agents(doors) && open_stream(doors))
		return doors;
	doors_close(doors);
	return NULL;
}

void doors_close(struct doors *doors)
{
	if (!doors)
		return;
	for (size_t i = 0; i < doors->datagram_count; i++) {
		if (doors->datagrams[i])
			datagram_stop(doors->datagrams[i]);
		redirect_free(doors->datagram_redirects[i]);
	}
	for (size_t i = 0; i < doors->agent_count; i++) {
		if (doors->agents[i].agent)
			agent_stop(doors->agents[i].agent);
		redirect_free(doors->agents[i].redirect);
	}
	if (doors->stream)
		stream_stop(doors->stream);
	redirect_free(doors->stream_redirect);
	free(doors);
}
