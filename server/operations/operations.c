/* SPDX-License-Identifier: MIT */
#include "server/operations/operations.h"

#include "server/operations/exposition.h"
#include "server/operations/lifecycle.h"
#include "server/operations/status.h"

static void write_alive(void *arg, struct slice query, struct http_page *page)
{
	(void)arg;
	(void)query;
	fputs("ok\n", page->body);
}

/* There is a table as soon as the server serves: it does not start without, and a reload
 * exchanges it for another. */
static void write_ready(void *arg, struct slice query, struct http_page *page)
{
	enum lifecycle state = lifecycle_state();
	(void)arg;
	(void)query;
	page->status = state == LIFECYCLE_SERVING ? 200 : 503;
	fprintf(page->body, "%s\n", lifecycle_text(state));
}

static void write_metrics(void *arg, struct slice query, struct http_page *page)
{
	(void)query;
	page->type = "text/plain; version=0.0.4; charset=utf-8";
	if (!exposition_write(arg, page->body))
		page->status = 500;
}

static void write_status(void *arg, struct slice query, struct http_page *page)
{
	(void)query;
	page->type = "application/json";
	if (!status_write(arg, page->body))
		page->status = 500;
}

static const struct http_route routes[] = {
	{"/livez", write_alive},
	{"/readyz", write_ready},
	{"/metrics", write_metrics},
	{"/status", write_status},
	{NULL, NULL},
};

struct http *operations_start(struct operations *operations,
                              const struct settings *settings, struct diags *diags)
{
	return http_start(routes, operations, settings, diags);
}
