/* SPDX-License-Identifier: MIT */
/* page.h - the page for people, and what it asks for beside /status.
 *
 *     /          page.html, which is all there is to it: no other file, no other server
 *     /history   the last hour's answers by minute and status, as JSON: history.h
 *     /rules     the rules in the order in which they are asked: ?from=N, as
 *                `check --list` prints them, PAGE_RULES_MAX at a time
 *     /route     what `route` prints: ?called=X&caller=X&peer=X&source=X&at=X
 *
 * The page sets what it is told as text, never as markup, and its policy lets the browser
 * run its own script and nothing else.
 */
#ifndef SERVER_PAGE_H
#define SERVER_PAGE_H

#include "server/operations/http.h"

#define PAGE_RULES_MAX 200

/* False if libsodium cannot be used. Before any of the following, once. */
bool page_init(void);

/* Routes of http.h; arg: a struct operations. */
void page_write(void *arg, struct slice query, struct http_page *page);
void page_write_rules(void *arg, struct slice query, struct http_page *page);
void page_write_route(void *arg, struct slice query, struct http_page *page);

#endif
