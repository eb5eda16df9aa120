/* SPDX-License-Identifier: MIT */
/* http.h - the server tells how it is, over HTTP: libevent's evhttp in a thread of its
 * own.
 *
 * It only reads what the server counts and holds; GET and HEAD are all there is. A page
 * is made while its asker waits, one at a time, and each connection carries one request:
 *
 *     connections          HTTP_CONNECTIONS_MAX   further ones wait in the kernel
 *     from accept to end   HTTP_LIFE_MS           closed
 *     header lines         HTTP_HEADERS_MAX       400, closed
 *     body                 HTTP_BODY_MAX          413, closed
 *     pages not yet read   HTTP_HELD_MAX          503, closed
 *
 * So whoever asks can neither grow memory nor keep a call waiting.
 */
#ifndef SERVER_HTTP_H
#define SERVER_HTTP_H

#include <stdio.h>

#include "rules/diags.h"
#include "server/settings/settings.h"

#define HTTP_CONNECTIONS_MAX 64
#define HTTP_LIFE_MS         10000
#define HTTP_HEADERS_MAX     8192
#define HTTP_BODY_MAX        1024
#define HTTP_HELD_MAX        ((size_t)64 << 20) /* bytes; one page more may be made */

/* What is answered. */
struct http_page {
	unsigned status;    /* in: 200 */
	const char *type;   /* in: text/plain; charset=utf-8 */
	const char *policy; /* Content-Security-Policy; in: NULL, which allows nothing */
	FILE *body;         /* in: empty */
};

/* What is at path. query: what stands behind the ?, as it came; empty: nothing. */
struct http_route {
	const char *path;
	void (*write)(void *arg, struct slice query, struct http_page *page);
};

struct http;

/* routes: ends with one without a path; arg: for all of them. Both must outlive it.
 * Listens where settings say, which may be nowhere, in a thread that it starts. NULL:
 * that failed, which is added to diags. */
struct http *http_start(const struct http_route *routes, void *arg,
                        const struct settings *settings, struct diags *diags);

/* Opens the address of settings, which are to be in force, if it is not open, without
 * answering there yet. False if that failed, which is added to diags. */
bool http_prepare(struct http *http, const struct settings *settings,
                  struct diags *diags);
void http_abandon(struct http *http); /* closes what http_prepare() has opened */

/* settings are in force: answers on what http_prepare() has opened, and closes what is to
 * be open no more. */
void http_adopt(struct http *http, const struct settings *settings);

/* Closes all, ends the thread and frees http. NULL is allowed. */
void http_stop(struct http *http);

#endif
