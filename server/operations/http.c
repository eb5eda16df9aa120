/* SPDX-License-Identifier: MIT */
#include "server/operations/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server/bell.h"
#include "server/clock.h"
#include "server/log/log.h"
#include "server/loop.h"
#include "server/trust/privilege.h"

#define BACKLOG  128
#define SWEEP_MS 250 /* how often connections are looked after while there are some */

/* One that evhttp serves. It frees its connections without a word to us, so we hold a
 * reference on the stream of each: one that it has let go has no callbacks any more. */
struct visitor {
	struct bufferevent *stream; /* NULL: nobody */
	int64_t due_ms;
};

struct http {
	pthread_t thread;
	const struct http_route *routes;
	void *arg;
	struct event_base *base;
	struct evhttp *server;
	struct evhttp_bound_socket *bound; /* NULL: listens nowhere */
	struct bell bell;
	struct event *rung, *sweep;

	struct endpoint open; /* where it listens; of those who prepare and adopt */
	bool is_open;
	bool wanted;     /* it is to listen, when it adopts */
	int prepared_fd; /* on this, unless it is < 0 */

	struct visitor visitors[HTTP_CONNECTIONS_MAX];
	size_t held; /* bytes of pages that have not been read to their end */
};

/* Of this thread, for the one callback that is told of nothing that is ours. */
static _Thread_local struct http *mine;

/* Connections */

static bool is_gone(const struct visitor *visitor)
{
	bufferevent_event_cb on_event;
	bufferevent_getcb(visitor->stream, NULL, NULL, &on_event, NULL);
	return !on_event;
}

static void let_go(struct visitor *visitor)
{
	bufferevent_decref(visitor->stream);
	visitor->stream = NULL;
}

/* Ends those whose time is over: evhttp sees the end of the stream, and frees it. How
 * many are left. */
static size_t look_after(struct http *http)
{
	size_t left = 0;
	int64_t now = clock_ms();
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++) {
		struct visitor *visitor = &http->visitors[i];
		if (visitor->stream && is_gone(visitor))
			let_go(visitor);
		if (visitor->stream && now >= visitor->due_ms)
			shutdown(bufferevent_getfd(visitor->stream), SHUT_RDWR);
		left += visitor->stream != NULL;
	}
	return left;
}

static struct visitor *find_room(struct http *http)
{
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (!http->visitors[i].stream)
			return &http->visitors[i];
	return NULL;
}

static void accept_more(struct http *http, bool more)
{
	if (!http->bound)
		return;
	struct evconnlistener *listener = evhttp_bound_socket_get_listener(http->bound);
	if (more)
		evconnlistener_enable(listener);
	else
		evconnlistener_disable(listener);
}

static void sweep_soon(struct http *http)
{
	const struct timeval wait = {0, SWEEP_MS * 1000};
	if (!event_pending(http->sweep, EV_TIMEOUT, NULL))
		event_add(http->sweep, &wait);
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;
	(void)fd;
	(void)what;
	size_t left = look_after(http);
	if (left < HTTP_CONNECTIONS_MAX)
		accept_more(http, true);
	if (left)
		sweep_soon(http);
}

/* Out of descriptors, most likely: trying again at once would keep the processor busy and
 * change nothing. */
static void on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)listener;
	(void)arg; /* is evhttp's */
	accept_more(mine, false);
	sweep_soon(mine);
}

/* evhttp has accepted a connection and wants a stream for it. With the last one that
 * there is room for no more are accepted, until one is gone. */
static struct bufferevent *on_visitor(struct event_base *base, void *arg)
{
	struct http *http = arg;
	struct bufferevent *stream =
		bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	size_t others = look_after(http);
	struct visitor *visitor = find_room(http);
	if (!stream || !visitor)
		return stream;
	bufferevent_incref(stream);
	*visitor = (struct visitor){stream, clock_ms() + HTTP_LIFE_MS};
	if (others + 1 == HTTP_CONNECTIONS_MAX)
		accept_more(http, false);
	sweep_soon(http);
	return stream;
}

/* Requests */

static const struct http_route *find_route(const struct http *http, const char *path)
{
	const struct http_route *route = http->routes;
	while (route->path && strcmp(route->path, path) != 0)
		route++;
	return route->path ? route : NULL;
}

static void write_page(const struct http *http, const struct evhttp_uri *uri,
                       struct http_page *page)
{
	const struct http_route *route = find_route(http, evhttp_uri_get_path(uri));
	if (route) {
		route->write(http->arg, slice_of(evhttp_uri_get_query(uri)), page);
		return;
	}
	page->status = 404;
	fputs("not found; there is:\n", page->body);
	for (route = http->routes; route->path; route++)
		fprintf(page->body, "%s\n", route->path);
}

static void free_text(const void *text, size_t len, void *arg)
{
	struct http *http = arg;
	http->held -= len;
	free((void *)(uintptr_t)text);
}

static void add_header(struct evkeyvalq *headers, const char *name, const char *value)
{
	evhttp_add_header(headers, name, value);
}

/* The answer to HEAD has the headers of that to GET, and no body. Takes text. */
static void send_page(struct http *http, struct evhttp_request *request,
                      const struct http_page *page, char *text, size_t len)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	char number[32];
	snprintf(number, sizeof number, "%zu", len);
	add_header(headers, "Content-Type", page->type);
	add_header(headers, "Content-Length", number);
	add_header(headers, "Cache-Control", "no-store");
	add_header(headers, "X-Content-Type-Options", "nosniff");
	add_header(headers, "Content-Security-Policy",
	           page->policy ? page->policy : "default-src 'none'");
	if (page->status == 405)
		add_header(headers, "Allow", "GET, HEAD");
	add_header(headers, "Connection", "close");
	http->held += len;
	if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD ||
	    evbuffer_add_reference(evhttp_request_get_output_buffer(request), text, len,
	                           free_text, http) < 0)
		free_text(text, len, http);
	evhttp_send_reply(request, (int)page->status, NULL, NULL);
}

/* evhttp frees the connection next, and then it can be let go at once. */
static void on_sent(struct evhttp_request *request, void *arg)
{
	struct http *http = arg;
	(void)request;
	event_active(http->sweep, EV_TIMEOUT, 0);
}

static void make_page(const struct http *http, struct evhttp_request *request,
                      struct http_page *page)
{
	enum evhttp_cmd_type method = evhttp_request_get_command(request);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD)
		page->status = 405;
	else if (!uri || !evhttp_uri_get_path(uri))
		page->status = 400;
	else if (http->held > HTTP_HELD_MAX)
		page->status = 503;
	else
		write_page(http, uri, page);
}

static void on_request(struct evhttp_request *request, void *arg)
{
	struct http_page page = {.status = 200, .type = "text/plain; charset=utf-8"};
	char *text = NULL;
	size_t len;
	evhttp_request_set_on_complete_cb(request, on_sent, arg);
	page.body = open_memstream(&text, &len);
	if (page.body) {
		make_page(arg, request, &page);
		bool whole = !ferror(page.body);
		if (fclose(page.body) == 0 && whole) {
			send_page(arg, request, &page, text, len);
			return;
		}
		free(text);
	}
	evhttp_send_error(request, 500, NULL);
}

/* Listening */

/* A socket that is bound, or -errno. */
static int bind_to(const struct endpoint *endpoint, bool shared)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(endpoint, &address);
	int on = 1;
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (shared)
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&address, len) == 0)
		return fd;
	int error = errno;
	close(fd);
	return -error;
}

/* True if what is open may be closed for it, and nobody else has it. */
static bool is_ours(const struct http *http, const struct endpoint *endpoint)
{
	return http->is_open && http->open.port == endpoint->port &&
	       address_is_v4(&http->open.address) == address_is_v4(&endpoint->address);
}

/* A socket that listens, or -errno. It shares its port, so that it can take the place of
 * one that overlaps it; so see first that it is nobody else's. */
static int listen_on(const struct http *http, const struct endpoint *endpoint)
{
	if (!is_ours(http, endpoint)) {
		int trial = bind_to(endpoint, false);
		if (trial < 0)
			return trial;
		close(trial);
	}
	int fd = bind_to(endpoint, true);
	if (fd >= 0 && listen(fd, BACKLOG) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

bool http_prepare(struct http *http, const struct settings *settings, struct diags *diags)
{
	const struct metrics *metrics = &settings->metrics;
	char text[ENDPOINT_TEXT_MAX];
	if (!metrics->given ||
	    (http->is_open && endpoint_equal(&http->open, &metrics->listen)))
		return true;
	int fd = listen_on(http, &metrics->listen);
	if (fd < 0) {
		diags_add(diags, SEVERITY_ERROR, metrics->position, NULL,
		          "cannot listen on %s: %s",
		          endpoint_hostport(&metrics->listen, text), strerror(-fd));
		return false;
	}
	http->prepared_fd = fd;
	return true;
}

void http_abandon(struct http *http)
{
	if (http->prepared_fd >= 0)
		close(http->prepared_fd);
	http->prepared_fd = -1;
}

/* Closes the listener, not who is connected. */
static void close_listener(struct http *http)
{
	if (http->bound)
		evhttp_del_accept_socket(http->server, http->bound);
	http->bound = NULL;
}

static void adopt(struct http *http)
{
	if (!http->wanted || http->prepared_fd >= 0)
		close_listener(http);
	if (http->prepared_fd < 0)
		return;
	http->bound = evhttp_accept_socket_with_handle(http->server, http->prepared_fd);
	if (http->bound) {
		evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(http->bound),
		                            on_accept_error);
	} else {
		close(http->prepared_fd);
		log_event(LOG_ERROR, "not listening for HTTP error=\"%s\"",
		          strerror(ENOMEM));
	}
	http->prepared_fd = -1;
	if (look_after(http) == HTTP_CONNECTIONS_MAX)
		accept_more(http, false);
}

static void note_open(struct http *http, const struct settings *settings)
{
	http->wanted = http->is_open = settings->metrics.given;
	http->open = settings->metrics.listen;
}

void http_adopt(struct http *http, const struct settings *settings)
{
	note_open(http, settings);
	bell_ring(&http->bell, BELL_ADOPT);
	bell_wait(&http->bell);
	http->is_open = http->bound; /* else the next reload tries again */
}

/* The thread */

static void on_bell(evutil_socket_t fd, short what, void *arg)
{
	struct http *http = arg;
	unsigned wishes = bell_answer(&http->bell);
	(void)fd;
	(void)what;
	if (wishes & BELL_STOP)
		event_base_loopbreak(http->base);
	if (!(wishes & BELL_ADOPT))
		return;
	adopt(http);
	bell_done(&http->bell);
}

static void *run(void *arg)
{
	struct http *http = mine = arg;
	privilege_renounce();
	event_base_dispatch(http->base);
	return NULL;
}

/* Making and ending */

/* All methods are let through to on_request(), which says 405. */
static bool make_server(struct http *http)
{
	const struct timeval limit = {HTTP_LIFE_MS / 1000, HTTP_LIFE_MS % 1000 * 1000};
	http->server = evhttp_new(http->base);
	if (!http->server)
		return false;
	evhttp_set_max_headers_size(http->server, HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(http->server, HTTP_BODY_MAX);
	evhttp_set_timeout_tv(http->server, &limit);
	evhttp_set_allowed_methods(http->server, UINT16_MAX);
	evhttp_set_default_content_type(http->server, NULL);
	evhttp_set_bevcb(http->server, on_visitor, http);
	evhttp_set_gencb(http->server, on_request, http);
	return true;
}

static bool make_parts(struct http *http)
{
	bool has_bell = bell_init(&http->bell);
	http->prepared_fd = -1;
	http->base = loop_new();
	if (!has_bell || !http->base || !make_server(http))
		return false;
	http->rung =
		event_new(http->base, http->bell.fd, EV_READ | EV_PERSIST, on_bell, http);
	http->sweep = evtimer_new(http->base, on_sweep, http);
	return http->rung && http->sweep && event_add(http->rung, NULL) == 0;
}

/* evhttp frees the connections; what they were is let go behind that. */
static void http_free(struct http *http)
{
	http_abandon(http);
	if (http->server)
		evhttp_free(http->server);
	for (size_t i = 0; i < HTTP_CONNECTIONS_MAX; i++)
		if (http->visitors[i].stream)
			let_go(&http->visitors[i]);
	if (http->rung)
		event_free(http->rung);
	if (http->sweep)
		event_free(http->sweep);
	if (http->base)
		event_base_free(http->base);
	bell_fini(&http->bell);
	free(http);
}

static bool start_thread(struct http *http, const struct settings *settings,
                         struct diags *diags)
{
	if (!http_prepare(http, settings, diags))
		return false;
	note_open(http, settings);
	adopt(http);
	int error = pthread_create(&http->thread, NULL, run, http);
	if (error)
		diags_add(diags, SEVERITY_ERROR, (struct position){0}, NULL,
		          "no thread for metrics: %s", strerror(error));
	return error == 0;
}

struct http *http_start(const struct http_route *routes, void *arg,
                        const struct settings *settings, struct diags *diags)
{
	struct http *http = calloc(1, sizeof *http);
	if (!http || (http->routes = routes, http->arg = arg, !make_parts(http))) {
		diags_add(diags, SEVERITY_ERROR, (struct position){0}, NULL,
		          "out of memory");
		if (http)
			http_free(http);
		return NULL;
	}
	if (start_thread(http, settings, diags))
		return http;
	http_free(http);
	return NULL;
}

void http_stop(struct http *http)
{
	if (!http)
		return;
	bell_ring(&http->bell, BELL_STOP);
	pthread_join(http->thread, NULL);
	http_free(http);
}
