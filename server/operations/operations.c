/* SPDX-License-Identifier: MIT */
#include "server/operations/operations.h"

#include "server/clock.h"
#include "server/operations/exposition.h"
#include "server/operations/lifecycle.h"
#include "server/operations/page.h"
#include "server/operations/status.h"

_Static_assert(HISTORY_STATUSES == COUNTERS_STATUSES, "both are 200..699");

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

void operations_note(const struct operations *operations)
{
	uint64_t totals[HISTORY_STATUSES] = {0};
	for (size_t i = 0; i < operations->counterset.count; i++)
		for (size_t method = 0; method < COUNTERS_METHODS; method++)
			for (size_t status = 0; status < COUNTERS_STATUSES; status++)
				totals[status] +=
					counter_get(&operations->counterset.blocks[i]
				                             ->replies[method][status]);
	history_note(operations->history, totals, clock_ms() / 60000);
}

static void write_history(void *arg, struct slice query, struct http_page *page)
{
	const struct operations *operations = arg;
	(void)query;
	operations_note(operations);
	page->type = "application/json";
	history_write(operations->history, page->body);
}

static const struct http_route routes[] = {
	{"/livez", write_alive},
	{"/readyz", write_ready},
	{"/metrics", write_metrics},
	{"/status", write_status},
	{"/", page_write},
	{"/history", write_history},
	{"/rules", page_write_rules},
	{"/route", page_write_route},
	{NULL, NULL},
};

struct http *operations_start(struct operations *operations,
                              const struct settings *settings, struct diags *diags)
{
	if (!page_init()) {
		diags_add(diags, SEVERITY_ERROR, (struct position){0}, NULL,
		          "cannot start libsodium");
		return NULL;
	}
	return http_start(routes, operations, settings, diags);
}
