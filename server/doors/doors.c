/* SPDX-License-Identifier: MIT */
#include "server/doors/doors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/doors/agent.h"
#include "server/doors/datagram.h"
#include "server/doors/stream.h"
#include "server/log/log.h"
#include "server/redirect.h"

/* One thread of a door, with what it answers with. */
struct agent_worker {
	struct redirect *redirect;
	struct agent *agent;
};

struct doors {
	struct answering answering;
	const struct settings *settings; /* while they are opened */
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

/* An errno, or 0: workers share their ports with each other, and the kernel would let
 * another server of the same user share them too, each getting some of the calls. So see
 * first that nobody is there. any_port: only that the address is ours to bind. */
static int see_if_free(const struct listen *listen, bool any_port)
{
	struct sockaddr_storage address;
	struct endpoint endpoint = listen->endpoint;
	if (any_port)
		endpoint.port = 0;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &address);
	bool stream = transport_is_stream(listen->endpoint.transport);
	int on = 1;
	int fd = socket(address.ss_family,
	                (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return 0; /* binding will tell why */
	if (stream)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	int error = bind(fd, (struct sockaddr *)&address, len) < 0 ? errno : 0;
	close(fd);
	return error;
}

/* Open already, by the service manager. */
static bool is_passed(const struct doors *doors, const struct listen *listen)
{
	return listen_door(listen) != DOOR_AGENT &&
	       activation_find(doors->answering.activation, listen);
}

static bool all_free(const struct doors *doors)
{
	const struct settings *settings = doors->settings;
	bool free = true;
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		int error = is_passed(doors, listen) ? 0 : see_if_free(listen, false);
		if (error)
			free = say_not_listening(listen, error);
	}
	return free;
}

static struct redirect *redirect_for(const struct doors *doors)
{
	const struct answering *answering = &doors->answering;
	struct counters *counters = counterset_add(answering->counterset);
	struct redirect *redirect =
		counters ? redirect_new(NULL, answering->snapshot, answering->keys)
			 : NULL;
	if (redirect)
		redirect_count(redirect, counters);
	return redirect;
}

static void spread(struct doors *doors)
{
	if (doors->datagram_count > 1 && doors->settings->spread == SPREAD_PACKET &&
	    !datagram_spread_packets(doors->datagrams, doors->datagram_count))
		log_event(LOG_WARNING, "packets are not spread error=\"%s\"",
		          strerror(errno));
}

/* They wait for listeners that may come later, as the stream door does. */
static bool open_datagrams(struct doors *doors)
{
	for (size_t i = 0; i < doors->settings->workers; i++) {
		const struct listen *failed = NULL;
		int error = ENOMEM;
		struct redirect *redirect = redirect_for(doors);
		doors->datagram_redirects[i] = redirect;
		doors->datagrams[i] =
			redirect ? datagram_start(redirect, doors->answering.activation,
		                                  &failed, &error)
				 : NULL;
		doors->datagram_count = i + 1;
		if (!doors->datagrams[i])
			return say_not_listening(failed, error);
	}
	spread(doors);
	return true;
}

static bool open_agents(struct doors *doors)
{
	const struct settings *settings = doors->settings;
	size_t workers = settings_count(settings, DOOR_AGENT) ? settings->workers : 0;
	for (size_t i = 0; i < workers; i++) {
		struct agent_worker *worker = &doors->agents[i];
		const struct listen *failed = NULL;
		int error = ENOMEM;
		doors->agent_count = i + 1;
		worker->redirect = redirect_for(doors);
		if (worker->redirect)
			worker->agent = agent_start(settings, worker->redirect,
			                            workers > 1, &failed, &error);
		if (!worker->agent)
			return say_not_listening(failed, error);
	}
	return true;
}

static bool open_stream(struct doors *doors)
{
	const struct listen *failed = NULL;
	int error = ENOMEM;
	doors->stream_redirect = redirect_for(doors);
	if (doors->stream_redirect)
		doors->stream =
			stream_start(doors->stream_redirect, doors->answering.activation,
		                     &failed, &error);
	return doors->stream || say_not_listening(failed, error);
}

static bool open_all(struct doors *doors)
{
	const struct configuration *configuration =
		snapshot_acquire(doors->answering.snapshot);
	doors->settings = configuration->settings;
	activation_report(doors->answering.activation, doors->settings);
	bool open = all_free(doors) && open_datagrams(doors) && open_agents(doors) &&
	            open_stream(doors);
	snapshot_release(doors->answering.snapshot, configuration);
	doors->settings = NULL;
	return open;
}

struct doors *doors_open(const struct answering *answering)
{
	struct doors *doors = calloc(1, sizeof *doors);
	if (!doors) {
		say_not_listening(NULL, ENOMEM);
		return NULL;
	}
	doors->answering = *answering;
	if (open_all(doors))
		return doors;
	doors_close(doors);
	return NULL;
}

/* Changing */

static bool cannot_listen(const struct listen *listen, int error, struct diags *diags)
{
	diags_add(diags, SEVERITY_ERROR, listen->position, NULL,
	          "cannot listen on %s: %s", listen->text.at, strerror(error));
	return false;
}

static bool is_open(const struct settings *in_force, const struct listen *listen)
{
	return settings_listen(in_force, listen_door(listen), &listen->endpoint);
}

/* True if its address is held by one of ours that may be closed for it: then nobody else
 * has it. */
static bool is_ours(const struct settings *in_force, const struct listen *listen)
{
	const struct endpoint *wanted = &listen->endpoint;
	for (size_t i = 0; i < in_force->listen_count; i++) {
		const struct endpoint *other = &in_force->listens[i].endpoint;
		if (listen_door(&in_force->listens[i]) == listen_door(listen) &&
		    other->port == wanted->port &&
		    address_is_v4(&other->address) == address_is_v4(&wanted->address) &&
		    (address_equal(&other->address, &wanted->address) ||
		     address_is_any(&other->address) || address_is_any(&wanted->address)))
			return true;
	}
	return false;
}

/* As much as can be known before the first is opened: from then on it may be sent what
 * one in force would have got. */
static bool all_free_or_ours(struct doors *doors, const struct settings *settings,
                             struct diags *diags)
{
	bool good = true;
	const struct configuration *in_force =
		snapshot_acquire(doors->answering.snapshot);
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		if (listen_door(listen) == DOOR_AGENT || is_passed(doors, listen) ||
		    is_open(in_force->settings, listen))
			continue;
		int error = see_if_free(listen, is_ours(in_force->settings, listen));
		if (error)
			good = cannot_listen(listen, error, diags);
	}
	snapshot_release(doors->answering.snapshot, in_force);
	return good;
}

bool doors_prepare(struct doors *doors, const struct settings *settings,
                   struct diags *diags)
{
	const struct listen *failed = NULL;
	if (!all_free_or_ours(doors, settings, diags))
		return false;
	int error = stream_prepare(doors->stream, settings, &failed);
	for (size_t i = 0; !error && i < doors->datagram_count; i++)
		error = datagram_prepare(doors->datagrams[i], settings, &failed);
	if (!error)
		return true;
	doors_abandon(doors);
	return cannot_listen(failed, error, diags);
}

void doors_abandon(struct doors *doors)
{
	stream_abandon(doors->stream);
	for (size_t i = 0; i < doors->datagram_count; i++)
		datagram_abandon(doors->datagrams[i]);
}

void doors_adopt(struct doors *doors)
{
	const struct configuration *in_force =
		snapshot_acquire(doors->answering.snapshot);
	for (size_t i = 0; i < doors->datagram_count; i++)
		datagram_adopt(doors->datagrams[i]);
	stream_adopt(doors->stream);
	doors->settings = in_force->settings;
	spread(doors);
	activation_report(doors->answering.activation, doors->settings);
	doors->settings = NULL;
	snapshot_release(doors->answering.snapshot, in_force);
}

bool doors_have_emptied(struct doors *doors)
{
	return stream_has_emptied(doors->stream);
}

/* Whether they are alive */

static size_t all_bells(const struct doors *doors,
                        struct bell *bells[2 * WORKERS_MAX + 1])
{
	size_t count = 0;
	for (size_t i = 0; i < doors->datagram_count; i++)
		bells[count++] = datagram_bell(doors->datagrams[i]);
	for (size_t i = 0; i < doors->agent_count; i++)
		bells[count++] = agent_bell(doors->agents[i].agent);
	bells[count++] = stream_bell(doors->stream);
	return count;
}

void doors_ring(struct doors *doors)
{
	struct bell *bells[2 * WORKERS_MAX + 1];
	size_t count = all_bells(doors, bells);
	for (size_t i = 0; i < count; i++)
		bell_ring(bells[i], BELL_SHOW_LIFE);
}

bool doors_have_answered(const struct doors *doors)
{
	struct bell *bells[2 * WORKERS_MAX + 1];
	size_t count = all_bells(doors, bells);
	for (size_t i = 0; i < count; i++)
		if (!bell_is_answered(bells[i]))
			return false;
	return true;
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
