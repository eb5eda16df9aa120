/* SPDX-License-Identifier: MIT */
#include "server/commands/statuspage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "rules/document.h"
#include "server/clock.h"
#include "server/operations/health.h"
#include "server/sip/endpoint.h"

/* The URL */

struct place {
	struct endpoint endpoint;
	char hostport[ENDPOINT_TEXT_MAX], path[256];
};

static bool read_url(const char *url, struct place *place)
{
	struct slice rest = slice_of(url), http = slice_of("http://");
	char text[ENDPOINT_TEXT_MAX];
	const char *why;
	if (!slice_begins(rest, http))
		return false;
	rest = slice_skip(rest, http.len);
	size_t end = slice_find(rest, '/');
	struct slice host = {rest.at, end}, path = slice_skip(rest, end);
	struct slice local = slice_of("localhost");
	bool is_local = slice_begins(host, local) &&
	                (host.len == local.len || host.at[local.len] == ':');
	struct slice behind = slice_skip(host, is_local ? local.len : host.len);
	bool v6 = host.len && host.at[0] == '[';
	size_t bracket = v6 ? slice_find(host, ']') : 0;
	bool has_port = slice_find(slice_skip(host, bracket), ':') + bracket < host.len;
	if (host.len > 48 || path.len >= sizeof place->path || slice_has_control(path) ||
	    slice_find(path, ' ') < path.len)
		return false;
	snprintf(text, sizeof text, "tcp:%.*s%.*s%s", is_local ? 9 : (int)host.len,
	         is_local ? "127.0.0.1" : host.at, (int)behind.len,
	         behind.len ? behind.at : "", has_port ? "" : ":80");
	snprintf(place->path, sizeof place->path, "%.*s", (int)path.len,
	         path.len > 1 ? path.at : "");
	if (path.len <= 1)
		strcpy(place->path, "/status");
	if (!endpoint_parse(slice_of(text), &place->endpoint, &why))
		return false;
	endpoint_hostport(&place->endpoint, place->hostport);
	return true;
}

/* HTTP */

static int connect_to(const struct place *place)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&place->endpoint, &address);
	const struct timeval limit = {STATUSPAGE_TIMEOUT_MS / 1000, 0};
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	if (connect(fd, (struct sockaddr *)&address, len) == 0)
		return fd;
	close(fd);
	return -1;
}

/* Everything until the end of the stream, to be freed. NULL with errno set. */
static char *receive(int fd, size_t *len)
{
	size_t room = 65536;
	char *text = malloc(room);
	int64_t end_ms = clock_ms() + STATUSPAGE_TIMEOUT_MS;
	for (*len = 0; text;) {
		ssize_t count = read(fd, text + *len, room - *len);
		if (count == 0)
			return text;
		if (count > 0 && clock_ms() > end_ms)
			errno = ETIMEDOUT;
		if (count < 0 || clock_ms() > end_ms)
			break;
		*len += (size_t)count;
		if (*len < room)
			continue;
		char *larger =
			room < STATUSPAGE_BYTES_MAX ? realloc(text, room *= 2) : NULL;
		if (!larger) {
			errno = EFBIG;
			break;
		}
		text = larger;
	}
	free(text);
	return NULL;
}

/* HTTP/1.0: nothing is chunked, and the stream ends. */
static char *get(const struct place *place, size_t *len)
{
	char request[512];
	int size = snprintf(request, sizeof request,
	                    "GET %s HTTP/1.0\r\nHost: %s\r\nConnection: close\r\n\r\n",
	                    place->path, place->hostport);
	int fd = connect_to(place);
	if (fd < 0)
		return NULL;
	char *text = send(fd, request, (size_t)size, MSG_NOSIGNAL) == size
	                     ? receive(fd, len)
	                     : NULL;
	int error = errno;
	close(fd);
	errno = error;
	return text;
}

/* The body of an answer 200. */
static bool find_body(struct slice text, struct slice *body)
{
	const char *end = memmem(text.at, text.len, "\r\n\r\n", 4);
	if (!end || !slice_begins(text, slice_of("HTTP/1.")) || text.len < 12 ||
	    memcmp(text.at + 8, " 200", 4) != 0)
		return false;
	*body = slice_skip(text, (size_t)(end - text.at) + 4);
	return true;
}

/* JSON, which is YAML */

static struct document *parse(struct slice body)
{
	char path[64];
	struct document *document = NULL;
	struct diags *diags = diags_new();
	int fd = memfd_create("status", MFD_CLOEXEC);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (diags && fd >= 0 && write(fd, body.at, body.len) == (ssize_t)body.len)
		document = document_read(path, TABLE_BYTES_MAX, diags);
	if (fd >= 0)
		close(fd);
	diags_free(diags);
	return document;
}

static const struct node *value_of(const struct node *node, const char *key)
{
	for (size_t i = 0; node->type == NODE_MAPPING && i < node->count; i++)
		if (slice_equal(node->pairs[i].key->text, slice_of(key)))
			return node->pairs[i].value;
	return NULL;
}

static struct slice text_of(const struct node *node, const char *key)
{
	const struct node *value = value_of(node, key);
	return value && value->type == NODE_SCALAR ? value->text : (struct slice){0};
}

/* Another URI is another gateway. */
static bool take(const struct node *node, const struct table *table,
                 struct health *health)
{
	size_t number = table_probed_find(table, text_of(node, "name"));
	struct gateway_view view;
	if (!number || !slice_equal(text_of(node, "state"), slice_of("down")))
		return false;
	table_probed(table, number - 1, &view);
	if (!slice_equal(view.uri, text_of(node, "uri")))
		return false;
	health_set(health, number, true);
	return true;
}

static struct health *read_status(struct slice text, const struct table *table,
                                  size_t *down)
{
	struct slice body;
	struct document *document = find_body(text, &body) ? parse(body) : NULL;
	const struct node *list =
		document ? value_of(document_root(document), "gateways") : NULL;
	struct health *health =
		list && list->type == NODE_LIST ? health_new(table, NULL, NULL) : NULL;
	*down = 0;
	for (size_t i = 0; health && i < list->count; i++)
		*down += take(list->items[i], table, health);
	document_free(document);
	return health;
}

struct health *statuspage_health(const char *url, const struct table *table, size_t *down)
{
	struct place place;
	size_t len;
	if (!read_url(url, &place)) {
		fprintf(stderr,
		        "signpost: health \"%s\": write http://127.0.0.1:9090/status\n",
		        url);
		return NULL;
	}
	char *text = get(&place, &len);
	if (!text) {
		fprintf(stderr, "signpost: health \"%s\": %s\n", url,
		        errno == EAGAIN || errno == EINPROGRESS ? strerror(ETIMEDOUT)
		                                                : strerror(errno));
		return NULL;
	}
	struct health *health = read_status((struct slice){text, len}, table, down);
	if (!health)
		fprintf(stderr,
		        "signpost: health \"%s\": that is no /status of signpost\n", url);
	free(text);
	return health;
}
