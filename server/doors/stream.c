/* SPDX-License-Identifier: MIT */
#include "server/doors/stream.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/doors/connection.h"
#include "server/doors/handshakes.h"
#include "server/doors/sources.h"
#include "server/log/escape.h"
#include "server/log/log.h"
#include "server/loop.h"
#include "server/trust/privilege.h"

#define BACKLOG         1024 /* connections that wait to be accepted */
#define ACCEPTS         16 /* in a row; then the connections that are open have their turn */
#define RESUME_MS       1000 /* after a failure to accept, if no connection closes before */
#define STRANGERS_SHARE 4   /* one in so many connections may be a stranger's handshake */
#define STOP_MS         500 /* for questions on their way and replies to be read */
#define MANY            64  /* connections whose memory is worth looking for */

/* One address. */
struct listener {
	struct stream *stream;
	struct endpoint endpoint;
	const struct listen *listen; /* in force; NULL: not yet, or no more */
	int fd;
	struct event *waiting; /* somebody is, to be accepted */
};

struct listeners {
	size_t count;
	struct listener *items[LISTENS_MAX];
};

struct stream {
	pthread_t thread;
	struct activation *activation;
	struct redirect *redirect; /* holds what is in force until that is exchanged */
	const struct configuration *configuration; /* that */
	struct event_base *base;
	struct connections *connections;
	struct sources *sources;
	struct handshakes *handshakes; /* of strangers */
	atomic_ulong closed;           /* connections, since another thread has asked */
	struct bell bell;
	struct event *rung, *resume;
	bool paused;                /* nothing is accepted */
	bool told;                  /* that it was; until one is accepted again */
	struct listeners listeners; /* exchanged by the thread, while another waits */
	struct listeners bound; /* not accepted from; of those who prepare and adopt */
};

/* Accepting */

static void pause_accepting(struct stream *stream)
{
	const struct timeval wait = {RESUME_MS / 1000, RESUME_MS % 1000 * 1000};
	if (event_add(stream->resume, &wait) < 0)
		return; /* out of memory: better busy than deaf */
	stream->paused = true;
	for (size_t i = 0; i < stream->listeners.count; i++)
		event_del(stream->listeners.items[i]->waiting);
}

static void resume_accepting(struct stream *stream)
{
	if (!stream->paused || stream->connections->stopping)
		return;
	stream->paused = false;
	event_del(stream->resume);
	for (size_t i = 0; i < stream->listeners.count; i++)
		if (event_add(stream->listeners.items[i]->waiting, NULL) < 0)
			pause_accepting(stream);
}

static void on_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	resume_accepting(arg);
}

/* Out of descriptors or of memory, most likely: trying again at once would keep the
 * processor busy and change nothing. */
static void cannot_accept(struct stream *stream, int error)
{
	if (!stream->told)
		log_often(
			LOG_ACCEPT,
			"no connection is accepted for now error=\"%s\" connections=%lu",
			strerror(error), stream->connections->count);
	stream->told = true;
	pause_accepting(stream);
}

static void on_close(void *arg, const struct arrival *arrival)
{
	struct stream *stream = arg;
	sources_remove(stream->sources, &arrival->source.address);
	atomic_fetch_add_explicit(&stream->closed, 1, memory_order_relaxed);
	resume_accepting(stream);
}

bool stream_has_emptied(struct stream *stream)
{
	if (atomic_load_explicit(&stream->closed, memory_order_relaxed) < MANY)
		return false;
	atomic_store_explicit(&stream->closed, 0, memory_order_relaxed);
	return true;
}

/* Those who are only let through the handshake may not take the room of others; nor may
 * those who never end it keep others from beginning one. */
static void limit_strangers(struct stream *stream)
{
	unsigned long connections = stream->connections->limits.connections;
	connections_make_room(stream->connections,
	                      (connections + STRANGERS_SHARE - 1) / STRANGERS_SHARE);
}

/* NULL: it may come in; else what there are too many of. */
static const char *refuse(struct stream *stream, const struct arrival *arrival)
{
	const struct connections *connections = stream->connections;
	const struct address *source = &arrival->source.address;
	const char *many = NULL;
	if (connections->count >= connections->limits.connections)
		return "in all";
	if (connections_has_enough(connections, arrival->peer))
		return "of its peer";
	if (!arrival->peer)
		many = handshakes_refuse(stream->handshakes, source,
		                         (uint64_t)clock_ns());
	if (!many && !sources_add(stream->sources, source,
	                          connections->limits.connections_per_source))
		many = "of its source";
	if (!many && !arrival->peer)
		limit_strangers(stream);
	return many;
}

static bool has_room(struct stream *stream, const struct arrival *arrival)
{
	const char *many = refuse(stream, arrival);
	if (many)
		connection_log_refused(arrival, many);
	return !many;
}

/* Takes fd. */
static void open_connection(struct stream *stream, int fd, const struct arrival *arrival)
{
	bool tls = arrival->listen->endpoint.transport == TRANSPORT_TLS, open = false;
	SSL *session = tls ? certificates_session(stream->configuration->certificates,
	                                          arrival->listen->profile)
	                   : NULL;
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (tls && !session)
		close(fd);
	else
		open = connection_open(stream->connections, fd, session, arrival);
	if (!open)
		sources_remove(stream->sources, &arrival->source.address);
}

/* Where a certificate may tell who it is, everybody may show one. */
static bool admits(struct stream *stream, struct arrival *arrival)
{
	const struct listen *listen = arrival->listen;
	if (listen->endpoint.transport != TRANSPORT_TLS || !listen->profile->identifies)
		return redirect_admits(stream->redirect, arrival);
	arrival->peer = profile_peer(listen->profile, &arrival->source.address);
	return true;
}

/* Which of all addresses it was made to. */
static void find_local(const struct listener *listener, int fd, struct address *local)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	struct endpoint found;
	if (address_is_any(&listener->endpoint.address) &&
	    getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	    endpoint_from_sockaddr(TRANSPORT_TCP, (struct sockaddr *)&address, &found))
		*local = found.address;
}

/* Takes fd, which came from address. */
static void admit(struct listener *listener, int fd, const struct sockaddr *address)
{
	struct stream *stream = listener->stream;
	struct arrival arrival = {.listen = listener->listen};
	redirect_now(stream->redirect);
	find_local(listener, fd, &arrival.local);
	if (endpoint_from_sockaddr(listener->endpoint.transport, address,
	                           &arrival.source) &&
	    admits(stream, &arrival) && has_room(stream, &arrival))
		open_connection(stream, fd, &arrival);
	else
		close(fd);
}

/* Not all that wait: while more come than can be accepted, nobody else would be served.
 */
static void on_waiting(evutil_socket_t listening, short what, void *arg)
{
	struct listener *listener = arg;
	(void)what;
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage storage = {0};
		struct sockaddr *address = (struct sockaddr *)&storage;
		socklen_t len = sizeof storage;
		int fd = accept4(listening, address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				cannot_accept(listener->stream, errno);
			return;
		}
		listener->stream->told = false;
		admit(listener, fd, address);
	}
}

/* Listening */

/* A socket that listens, or -1 with errno set. */
static int listen_on(const struct endpoint *endpoint)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	int on = 1;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* so that one can take the place of another that overlaps it */
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	int error = errno;
	close(fd);
	errno = error;
	return -1;
}

static struct listener *open_listener(struct stream *stream, const struct listen *listen)
{
	struct listener *listener = calloc(1, sizeof *listener);
	if (!listener) {
		errno = ENOMEM;
		return NULL;
	}
	listener->stream = stream;
	listener->endpoint = listen->endpoint;
	struct passed *passed = activation_find(stream->activation, listen);
	listener->fd = passed ? passed_open(passed) : listen_on(&listen->endpoint);
	if (listener->fd >= 0)
		return listener;
	int error = errno;
	free(listener);
	errno = error;
	return NULL;
}

static void close_listener(struct listener *listener)
{
	if (listener->waiting)
		event_free(listener->waiting);
	close(listener->fd);
	free(listener);
}

static void close_all(struct listeners *listeners)
{
	while (listeners->count)
		close_listener(listeners->items[--listeners->count]);
}

/* Listeners that come and go */

static bool has_listener(const struct stream *stream, const struct listen *listen)
{
	for (size_t i = 0; i < stream->listeners.count; i++)
		if (endpoint_equal(&stream->listeners.items[i]->endpoint,
		                   &listen->endpoint))
			return true;
	return false;
}

int stream_prepare(struct stream *stream, const struct settings *settings,
                   const struct listen **failed)
{
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		if (listen_door(listen) != DOOR_STREAM || has_listener(stream, listen))
			continue;
		struct listener *listener = open_listener(stream, listen);
		if (!listener) {
			*failed = listen;
			return errno;
		}
		stream->bound.items[stream->bound.count++] = listener;
	}
	return 0;
}

void stream_abandon(struct stream *stream)
{
	close_all(&stream->bound);
}

static void close_gone(struct listeners *listeners)
{
	size_t kept = 0;
	for (size_t i = 0; i < listeners->count; i++) {
		struct listener *listener = listeners->items[i];
		if (listener->listen)
			listeners->items[kept++] = listener;
		else
			close_listener(listener);
	}
	listeners->count = kept;
}

static void find_listens(struct stream *stream)
{
	for (size_t i = 0; i < stream->listeners.count; i++) {
		struct listener *listener = stream->listeners.items[i];
		listener->listen = settings_listen(stream->configuration->settings,
		                                   DOOR_STREAM, &listener->endpoint);
	}
}

static bool take_bound(struct stream *stream)
{
	bool watched = true;
	for (size_t i = 0; i < stream->bound.count; i++) {
		struct listener *listener = stream->bound.items[i];
		listener->waiting = event_new(stream->base, listener->fd,
		                              EV_READ | EV_PERSIST, on_waiting, listener);
		if (!listener->waiting ||
		    (!stream->paused && event_add(listener->waiting, NULL) < 0)) {
			close_listener(listener);
			watched = false;
			continue;
		}
		stream->listeners.items[stream->listeners.count++] = listener;
	}
	stream->bound.count = 0;
	return watched;
}

/* What was in force is not freed before we say that we have adopted what is. */
static bool adopt(struct stream *stream)
{
	if (stream->configuration)
		redirect_let_go(stream->redirect);
	stream->configuration = redirect_hold(stream->redirect);
	find_listens(stream);
	close_gone(&stream->listeners);
	bool watched = take_bound(stream);
	find_listens(stream);
	connections_readmit(stream->connections, stream->configuration);
	return watched;
}

void stream_adopt(struct stream *stream)
{
	bell_ring(&stream->bell, BELL_ADOPT);
	bell_wait(&stream->bell);
}

struct bell *stream_bell(struct stream *stream)
{
	return &stream->bell;
}

/* The thread */

static void on_bell(evutil_socket_t fd, short what, void *arg)
{
	struct stream *stream = arg;
	unsigned wishes = bell_answer(&stream->bell);
	(void)fd;
	(void)what;
	if (wishes & BELL_STOP)
		event_base_loopbreak(stream->base);
	if (wishes != BELL_ADOPT)
		return;
	if (!adopt(stream))
		log_event(LOG_ERROR, "not listening on all addresses error=\"%s\"",
		          strerror(ENOMEM));
	bell_done(&stream->bell);
}

/* Until every connection has closed, or time is up. What is closed is freed by the loop,
 * and over TLS not before the callbacks that were put off have had their turn. */
static void drain(struct stream *stream)
{
	const struct timeval limit = {0, STOP_MS * 1000};
	close_all(&stream->listeners);
	event_del(stream->resume);
	event_del(stream->rung);
	connections_stop(stream->connections);
	event_base_loopexit(stream->base, &limit);
	while (stream->connections->count > 0 && !event_base_got_exit(stream->base))
		event_base_loop(stream->base, EVLOOP_ONCE);
	connections_close(stream->connections);
	do
		event_base_loop(stream->base, EVLOOP_NONBLOCK);
	while (event_base_get_num_events(stream->base, EVENT_BASE_COUNT_ACTIVE) > 0);
}

static void *run(void *arg)
{
	struct stream *stream = arg;
	privilege_renounce();
	event_base_dispatch(stream->base);
	drain(stream);
	redirect_let_go(stream->redirect);
	return NULL;
}

/* Making and ending */

static void on_library_log(int severity, const char *text)
{
	char safe[512];
	if (severity != EVENT_LOG_DEBUG)
		log_often(LOG_LIBRARY, "library says text=\"%s\"",
		          log_escape(slice_of(text), safe, sizeof safe));
}

static bool make_parts(struct stream *stream)
{
	bool has_bell = bell_init(&stream->bell);
	stream->base = loop_new();
	stream->sources = sources_new();
	stream->handshakes = handshakes_new();
	stream->connections = connections_new();
	if (!has_bell || !stream->base || !stream->sources || !stream->handshakes ||
	    !stream->connections)
		return false;
	stream->connections->base = stream->base;
	stream->connections->redirect = stream->redirect;
	stream->connections->handshakes = stream->handshakes;
	stream->connections->on_close = on_close;
	stream->connections->arg = stream;
	stream->rung = event_new(stream->base, stream->bell.fd, EV_READ | EV_PERSIST,
	                         on_bell, stream);
	stream->resume = evtimer_new(stream->base, on_resume, stream);
	return stream->rung && stream->resume && event_add(stream->rung, NULL) == 0;
}

static void stream_free(struct stream *stream)
{
	close_all(&stream->listeners);
	close_all(&stream->bound);
	connections_free(stream->connections);
	sources_free(stream->sources);
	handshakes_free(stream->handshakes);
	if (stream->rung)
		event_free(stream->rung);
	if (stream->resume)
		event_free(stream->resume);
	if (stream->base)
		event_base_free(stream->base);
	bell_fini(&stream->bell);
	free(stream);
}

/* 0 or an errno. */
static int open_first(struct stream *stream, const struct listen **failed)
{
	const struct configuration *configuration = redirect_hold(stream->redirect);
	int error = stream_prepare(stream, configuration->settings, failed);
	redirect_let_go(stream->redirect);
	return error ? error : adopt(stream) ? 0 : ENOMEM;
}

struct stream *stream_start(struct redirect *redirect, struct activation *activation,
                            const struct listen **failed, int *error)
{
	struct stream *stream = calloc(1, sizeof *stream);
	*failed = NULL;
	*error = ENOMEM;
	if (!stream)
		return NULL;
	stream->redirect = redirect;
	stream->activation = activation;
	event_set_log_callback(on_library_log);
	if (make_parts(stream))
		*error = open_first(stream, failed);
	if (*error == 0)
		*error = pthread_create(&stream->thread, NULL, run, stream);
	if (*error == 0)
		return stream;
	if (stream->configuration)
		redirect_let_go(stream->redirect);
	stream_free(stream);
	return NULL;
}

void stream_stop(struct stream *stream)
{
	bell_ring(&stream->bell, BELL_STOP);
	pthread_join(stream->thread, NULL);
	stream_free(stream);
}
