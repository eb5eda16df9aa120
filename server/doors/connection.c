/* SPDX-License-Identifier: MIT */
#include "server/doors/connection.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event_struct.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/doors/handshakes.h"
#include "server/doors/spare.h"
#include "server/log/log.h"
#include "server/sip/framing.h"
#include "server/trust/certificates.h"
#include "server/trust/identity.h"

/* How long one that has been told to go may take to read its last replies. Closing a
 * socket with something unread in it would take them back from the peer. */
#define LINGER_MS 1000

/* One in so many connections is kept for other peers than the one that has most. */
#define OTHERS_SHARE 4

enum state { STATE_HANDSHAKING, STATE_OPEN, STATE_LEAVING };

struct connection {
	struct connections *all;
	LIST_ENTRY(connection) link;
	TAILQ_ENTRY(connection) stranger_link;
	struct bufferevent *stream;
	SSL *session;         /* NULL: TCP; belongs to stream */
	struct demand demand; /* over TLS: what it was for */
	struct arrival arrival;
	unsigned long *tally; /* that counts it; NULL: none */
	unsigned listener;    /* of redirect_opened() */
	struct framer framer;
	enum state state;
	bool served;       /* there was a message */
	bool inside;       /* another has begun, and not ended */
	bool ended;        /* the peer sends no more */
	bool said_bye;     /* and neither do we */
	int64_t silent_ms; /* when it is closed, between messages */
	int64_t due_ms;    /* when it is closed */
	int64_t timer_ms;  /* when the timer goes off: at due_ms or before */
	struct event timer;
};

static bool is_stranger(const struct connection *connection)
{
	return !connection->arrival.peer;
}

/* Whose it is */

static unsigned long *tally_of(struct connections *all, const struct peer *peer)
{
	if (!peer)
		return &all->strangers;
	return all->of_peers ? &all->of_peers[peer->number] : NULL;
}

/* tally: NULL, none counts it any more. */
static void count_in(struct connection *connection, unsigned long *tally)
{
	struct connections *all = connection->all;
	if (tally == connection->tally)
		return;
	if (connection->tally)
		--*connection->tally;
	if (connection->tally == &all->strangers)
		TAILQ_REMOVE(&all->in_handshake, connection, stranger_link);
	connection->tally = tally;
	if (tally)
		++*tally;
	if (tally == &all->strangers)
		TAILQ_INSERT_TAIL(&all->in_handshake, connection, stranger_link);
}

static void set_peer(struct connection *connection, const struct peer *peer)
{
	connection->arrival.peer = peer;
	count_in(connection, tally_of(connection->all, peer));
}

/* A certificate says more than a network. */
static const struct peer *whose(const struct connection *connection,
                                const struct peer *neighbour)
{
	const struct profile *profile = connection->arrival.listen->profile;
	return connection->session && profile->identifies
	               ? identity_peer(profile, connection->session, neighbour)
	               : neighbour;
}

/* The end */

static void connection_close(struct connection *connection)
{
	struct connections *all = connection->all;
	LIST_REMOVE(connection, link);
	all->count--;
	redirect_closed(all->redirect, connection->listener);
	count_in(connection, NULL);
	event_del(&connection->timer);
	bufferevent_free(connection->stream);
	all->on_close(all->arg, &connection->arrival);
	free(connection);
}

/* Tells the peer that nothing more will come, once all has been sent. */
static void say_bye(struct connection *connection)
{
	if (connection->said_bye)
		return;
	connection->said_bye = true;
	if (connection->session && SSL_is_init_finished(connection->session)) {
		ERR_clear_error();
		SSL_shutdown(connection->session);
		ERR_clear_error();
	}
	shutdown(bufferevent_getfd(connection->stream), SHUT_WR);
}

static size_t unsent(const struct connection *connection)
{
	return evbuffer_get_length(bufferevent_get_output(connection->stream));
}

/* Leaving: closes it if nothing is left to wait for. */
static void try_to_go(struct connection *connection)
{
	if (unsent(connection))
		return;
	say_bye(connection);
	if (connection->ended || connection->all->stopping)
		connection_close(connection);
}

/* The deadline */

/* A timer that goes off too early looks again; so a deadline that moves away, as with
 * every message, costs nothing. */
static bool start_timer(struct connection *connection, int64_t now)
{
	int64_t wait = connection->due_ms > now ? connection->due_ms - now : 0;
	struct timeval interval = {wait / 1000, wait % 1000 * 1000};
	connection->timer_ms = connection->due_ms;
	return event_add(&connection->timer, &interval) == 0;
}

/* False: out of memory, which a timer that runs already needs none of. */
static bool close_at(struct connection *connection, int64_t due_ms)
{
	connection->due_ms = due_ms;
	return (connection->timer_ms && due_ms >= connection->timer_ms) ||
	       start_timer(connection, clock_ms());
}

static bool set_deadline(struct connection *connection, unsigned long in_ms)
{
	return close_at(connection, clock_ms() + (int64_t)in_ms);
}

/* It is of use: its silence begins now. */
static void begin_silence(struct connection *connection)
{
	connection->silent_ms = clock_ms() + (int64_t)connection->all->limits.idle_ms;
}

static bool fall_silent(struct connection *connection)
{
	begin_silence(connection);
	return connection->inside || close_at(connection, connection->silent_ms);
}

static void leave(struct connection *connection)
{
	connection->state = STATE_LEAVING;
	set_deadline(connection, LINGER_MS);
	try_to_go(connection);
}

static void log_late(const struct connection *connection, const char *what,
                     unsigned long limit_ms)
{
	char source[ENDPOINT_TEXT_MAX];
	log_often(LOG_LATE, "connection closed, its %s took too long source=%s ms=%lu",
	          what, endpoint_text(&connection->arrival.source, source), limit_ms);
}

/* Too early: looks again later. If there is no memory for that, now is the end. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct connection *connection = arg;
	const struct limits *limits = &connection->all->limits;
	int64_t now = clock_ms();
	(void)fd;
	(void)what;
	if (now < connection->due_ms && start_timer(connection, now))
		return;
	if (connection->state == STATE_HANDSHAKING)
		log_late(connection, "handshake", limits->handshake_ms);
	else if (connection->state == STATE_OPEN && connection->inside)
		log_late(connection, "message", limits->message_ms);
	else if (connection->state == STATE_OPEN && !unsent(connection))
		say_bye(connection);
	connection_close(connection);
}

/* Replies */

/* What the kernel takes at once needs no further event. False: out of memory, and some
 * are lost. */
static bool send_replies(struct connection *connection)
{
	struct evbuffer *replies = connection->all->replies;
	if (!connection->session && !unsent(connection) && evbuffer_get_length(replies))
		evbuffer_write(replies, bufferevent_getfd(connection->stream));
	if (evbuffer_add_buffer(bufferevent_get_output(connection->stream), replies) == 0)
		return true;
	evbuffer_drain(replies, evbuffer_get_length(replies));
	return false;
}

/* What the peer was sent before and has not read keeps us from answering more. */
static bool is_unread(const struct connection *connection)
{
	char source[ENDPOINT_TEXT_MAX];
	if (unsent(connection) <= connection->all->limits.backlog)
		return false;
	log_often(LOG_UNREAD,
	          "connection closed, its replies are not read source=%s bytes=%zu",
	          endpoint_text(&connection->arrival.source, source), unsent(connection));
	return true;
}

/* Requests */

/* False: out of memory. */
static bool add_reply(struct connections *all)
{
	return !all->reply.length ||
	       evbuffer_add(all->replies, all->reply.text, all->reply.length) == 0;
}

/* False: that was the last one. What cannot even be parsed has nobody to answer to; for
 * an answer that there is no memory for nobody is to wait. */
static bool answer(struct connection *connection, struct slice text, enum framing framing)
{
	struct connections *all = connection->all;
	struct arrival arrival = connection->arrival;
	if (!redirect_passes(all->redirect, text, &arrival))
		return framing == FRAMING_OK;
	const struct message *parsed = scan_message(&all->scan, text);
	msg_t *msg = parsed ? NULL : message_parse(text);
	bool more = false;
	if (msg)
		parsed = message_of(msg);
	if (parsed) {
		struct message message = *parsed;
		if (framing != FRAMING_OK)
			message.framing = framing;
		redirect_answer(all->redirect, &message, &arrival, &all->reply);
		more = add_reply(all) && !all->reply.close;
		if (all->reply.length)
			begin_silence(connection);
	} else {
		redirect_unread(all->redirect, &arrival);
	}
	msg_destroy(msg);
	return more;
}

/* Of a message whose end is not known there are only header lines. */
static void refuse(struct connection *connection, const struct frame *frame)
{
	char *head = connection->all->head;
	size_t len = frame->text.len;
	if (len == 0 || len + 2 > sizeof connection->all->head)
		return;
	memcpy(head, frame->text.at, len);
	memcpy(head + len, "\r\n", 2);
	answer(connection, (struct slice){head, len + 2}, frame->framing);
}

static bool take_frame(struct connection *connection, const struct frame *frame)
{
	switch (frame->kind) {
	case FRAME_PING:
		return evbuffer_add(connection->all->replies, "\r\n", 2) == 0;
	case FRAME_MESSAGE:
		return answer(connection, frame->text, FRAMING_OK);
	case FRAME_BAD:
		refuse(connection, frame);
		return false;
	case FRAME_NONE:
		break;
	}
	return true;
}

/* Takes every complete message off input; *complete: whether there was one. False: the
 * connection is to end. */
static bool take_frames(struct connection *connection, struct evbuffer *input,
                        bool *complete)
{
	struct slice received = {(char *)evbuffer_pullup(input, -1),
	                         evbuffer_get_length(input)};
	struct frame frame;
	size_t used = 0;
	bool more;
	if (!received.at)
		return received.len == 0;
	do {
		frame = framer_next(&connection->framer, slice_skip(received, used));
		used += frame.used;
		more = take_frame(connection, &frame);
		*complete |= frame.kind != FRAME_NONE;
	} while (more && frame.kind != FRAME_NONE);
	evbuffer_drain(input, used);
	return more;
}

static void throw_away(struct evbuffer *input)
{
	evbuffer_drain(input, evbuffer_get_length(input));
}

/* A message's time counts from its first byte; a further one does not move it. What is
 * not answered ends no silence for one that has left replies unread. */
static void go_on(struct connection *connection, bool complete, bool more)
{
	if (!unsent(connection))
		begin_silence(connection);
	if (!more)
		close_at(connection, connection->silent_ms);
	else if (complete || !connection->inside)
		set_deadline(connection, connection->all->limits.message_ms);
	connection->inside = more;
}

/* Unread by us. */
static bool has_input(const struct connection *connection)
{
	int bytes = 0;
	return ioctl(bufferevent_getfd(connection->stream), FIONREAD, &bytes) == 0 &&
	       bytes > 0;
}

/* At the end of the server: it has asked something, or has not had the time to. */
static bool has_a_question(const struct connection *connection)
{
	return connection->state == STATE_HANDSHAKING ||
	       (connection->state == STATE_OPEN &&
	        (!connection->served || connection->inside || has_input(connection)));
}

static void on_input(struct bufferevent *stream, void *arg)
{
	struct connection *connection = arg;
	struct evbuffer *input = bufferevent_get_input(stream);
	bool complete = false;
	redirect_now(connection->all->redirect);
	if (connection->state != STATE_OPEN) {
		throw_away(input);
		return;
	}
	if (is_unread(connection)) {
		connection_close(connection);
		return;
	}
	bool open = take_frames(connection, input, &complete);
	open &= send_replies(connection);
	redirect_sent(connection->all->redirect);
	connection->served |= complete;
	if (open)
		go_on(connection, complete, evbuffer_get_length(input) > 0);
	if (!open || (connection->all->stopping && !has_a_question(connection))) {
		throw_away(input);
		leave(connection);
	}
}

static void on_output_sent(struct bufferevent *stream, void *arg)
{
	struct connection *connection = arg;
	(void)stream;
	if (connection->state == STATE_LEAVING)
		try_to_go(connection);
	else if (connection->state == STATE_OPEN)
		fall_silent(connection);
}

/* Events */

static void log_handshake(const struct connection *connection)
{
	char source[ENDPOINT_TEXT_MAX];
	unsigned long code = bufferevent_get_openssl_error(connection->stream);
	const char *why = ERR_reason_error_string(code);
	log_often(LOG_HANDSHAKE, "handshake failed source=%s listener=%s error=\"%s\"",
	          endpoint_text(&connection->arrival.source, source),
	          connection->arrival.listen->text.at, why ? why : "connection lost");
}

void connection_log_refused(const struct arrival *arrival, const char *many)
{
	char source[ENDPOINT_TEXT_MAX];
	log_often(LOG_CROWDED, "connection refused, there are too many %s source=%s",
	          many, endpoint_text(&arrival->source, source));
}

static void open_session(struct connection *connection)
{
	bool was_stranger = is_stranger(connection);
	set_peer(connection, whose(connection, connection->arrival.peer));
	if (is_stranger(connection)) {
		redirect_stranger(connection->all->redirect, &connection->arrival);
		connection_close(connection);
		return;
	}
	if (connection->tally && *connection->tally > connection->all->of_peer_max) {
		connection_log_refused(&connection->arrival, "of its peer");
		connection_close(connection);
		return;
	}
	if (was_stranger)
		handshakes_give_back(connection->all->handshakes,
		                     &connection->arrival.source.address,
		                     (uint64_t)clock_ns());
	connection->state = STATE_OPEN;
	fall_silent(connection);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	struct connection *connection = arg;
	if (what & BEV_EVENT_CONNECTED) {
		open_session(connection);
		return;
	}
	connection->ended = true;
	if (connection->state == STATE_HANDSHAKING)
		log_handshake(connection);
	if (!(what & BEV_EVENT_EOF) || connection->state == STATE_HANDSHAKING) {
		connection_close(connection);
		return;
	}
	/* One that has sent all it wanted to ask may still read. Over TLS, libevent has
	 * given up writing. */
	bufferevent_enable(stream, EV_WRITE);
	if (connection->state == STATE_OPEN)
		leave(connection);
	else
		try_to_go(connection);
}

/* All of them */

struct connections *connections_new(void)
{
	struct connections *all = calloc(1, sizeof *all);
	if (!all)
		return NULL;
	TAILQ_INIT(&all->in_handshake);
	all->replies = evbuffer_new();
	if (all->replies)
		return all;
	free(all);
	return NULL;
}

void connections_close(struct connections *all)
{
	while (!LIST_EMPTY(&all->list))
		connection_close(LIST_FIRST(&all->list));
}

void connections_free(struct connections *all)
{
	if (!all)
		return;
	connections_close(all);
	evbuffer_free(all->replies);
	free(all->of_peers);
	free(all);
}

/* The callbacks of TLS are deferred: libevent would tell of the end of the stream before
 * the last bytes of it. It frees session if it fails, and closes what it has made, but it
 * does not see that a session has no room for fd. */
static struct bufferevent *tls_stream_new(struct event_base *base, int fd, SSL *session)
{
	if (!SSL_set_fd(session, fd) || !spare_begin()) {
		SSL_free(session);
		close(fd);
		return NULL;
	}
	struct bufferevent *stream = bufferevent_openssl_socket_new(
		base, fd, session, BUFFEREVENT_SSL_ACCEPTING,
		BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
	bool enough = !spare_end();
	if (!stream)
		close(fd);
	if (enough || !stream)
		return stream;
	bufferevent_free(stream);
	return NULL;
}

static struct bufferevent *stream_new(struct event_base *base, int fd, SSL *session)
{
	if (session)
		return tls_stream_new(base, fd, session);
	struct bufferevent *stream =
		bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!stream)
		close(fd);
	return stream;
}

/* Its deadline, and being told of what comes in. */
static bool start(struct connection *connection)
{
	const struct limits *limits = &connection->all->limits;
	evtimer_assign(&connection->timer, connection->all->base, on_timer, connection);
	bufferevent_setcb(connection->stream, on_input, on_output_sent, on_event,
	                  connection);
	return (connection->session ? set_deadline(connection, limits->handshake_ms)
	                            : fall_silent(connection)) &&
	       bufferevent_enable(connection->stream, EV_READ) == 0;
}

bool connections_has_enough(const struct connections *all, const struct peer *peer)
{
	return peer && all->of_peers && all->of_peers[peer->number] >= all->of_peer_max;
}

void connections_make_room(struct connections *all, unsigned long max)
{
	char source[ENDPOINT_TEXT_MAX];
	while (all->strangers >= max) {
		struct connection *oldest = TAILQ_FIRST(&all->in_handshake);
		log_often(LOG_CROWDED,
		          "connection closed, a newer stranger takes its room source=%s",
		          endpoint_text(&oldest->arrival.source, source));
		connection_close(oldest);
	}
}

bool connection_open(struct connections *all, int fd, SSL *session,
                     const struct arrival *arrival)
{
	struct bufferevent *stream = stream_new(all->base, fd, session);
	struct connection *connection = stream ? calloc(1, sizeof *connection) : NULL;
	if (!connection) {
		if (stream)
			bufferevent_free(stream);
		return false;
	}
	connection->all = all;
	connection->stream = stream;
	connection->session = session;
	if (session)
		connection->demand =
			*certificates_demand(all->certificates, arrival->listen->profile);
	connection->arrival = *arrival;
	connection->state = session ? STATE_HANDSHAKING : STATE_OPEN;
	if (!start(connection)) {
		event_del(&connection->timer);
		bufferevent_free(stream);
		free(connection);
		return false;
	}
	LIST_INSERT_HEAD(&all->list, connection, link);
	all->count++;
	connection->listener = redirect_opened(all->redirect, arrival);
	set_peer(connection, arrival->peer);
	return true;
}

static void send_away(struct connection *connection)
{
	if (connection->state == STATE_HANDSHAKING)
		connection_close(connection);
	else
		leave(connection);
}

/* What it has shown was shown to whoever demands the same now. */
static bool has_shown_enough(const struct connection *connection,
                             const struct profile *profile)
{
	const struct certificates *certificates = connection->all->certificates;
	return !connection->session ||
	       memcmp(certificates_demand(certificates, profile), &connection->demand,
	              sizeof connection->demand) == 0;
}

/* False: nobody there knows it any more. */
static bool readmit(struct connection *connection, const struct settings *settings)
{
	struct arrival *arrival = &connection->arrival;
	const struct listen *listen =
		settings_listen(settings, DOOR_STREAM, &arrival->listen->endpoint);
	if (!listen || !has_shown_enough(connection, listen->profile))
		return false;
	bool open = connection->state == STATE_OPEN;
	const struct peer *peer = profile_peer(listen->profile, &arrival->source.address);
	arrival->listen = listen;
	if (open)
		peer = whose(connection, peer);
	if (!peer && (open || !listen->profile->identifies))
		return false;
	set_peer(connection, peer);
	return true;
}

/* Those that are leaving, or do so now, are nobody's. No memory: peers have no share. */
static void forget_peers(struct connections *all, const struct settings *settings)
{
	struct connection *connection = LIST_FIRST(&all->list);
	for (; connection; connection = LIST_NEXT(connection, link)) {
		if (!is_stranger(connection))
			count_in(connection, NULL);
		connection->arrival.peer = NULL;
	}
	free(all->of_peers);
	all->of_peers = calloc(settings->peer_count, sizeof *all->of_peers);
	all->of_peer_max = all->limits.connections;
	if (settings->peer_count > 1)
		all->of_peer_max -= all->of_peer_max / OTHERS_SHARE;
}

void connections_readmit(struct connections *all,
                         const struct configuration *configuration)
{
	const struct settings *settings = configuration->settings;
	struct connection *connection = LIST_FIRST(&all->list), *next;
	all->limits = settings->limits;
	all->certificates = configuration->certificates;
	forget_peers(all, settings);
	for (; connection; connection = next) {
		next = LIST_NEXT(connection, link);
		if (connection->state != STATE_LEAVING && !readmit(connection, settings))
			send_away(connection);
	}
}

void connections_stop(struct connections *all)
{
	struct connection *connection = LIST_FIRST(&all->list), *next;
	all->stopping = true;
	for (; connection; connection = next) {
		next = LIST_NEXT(connection, link);
		if (!has_a_question(connection))
			send_away(connection);
	}
}
