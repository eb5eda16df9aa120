/* SPDX-License-Identifier: MIT */
#include "server/operations/status.h"

#include <stdlib.h>
#include <time.h>

#include "server/operations/json.h"
#include "server/operations/lifecycle.h"
#include "server/operations/operations.h"

/* RFC 3339, in UTC. */
static void write_time(struct json *json, const char *key, int64_t unix_s)
{
	char text[32];
	struct tm utc;
	time_t time = unix_s;
	gmtime_r(&time, &utc);
	size_t len = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
	json_text(json, key, (struct slice){text, len});
}

static void write_server(struct json *json, const struct operations *operations)
{
	int64_t start_s = (int64_t)operations->start_s;
	json_text(json, "version", slice_of(VERSION));
	int64_t up_s = time(NULL) - start_s; /* the clock may have been set back */
	json_count(json, "uptime_s", up_s < 0 ? 0 : (uint64_t)up_s);
	json_text(json, "state", slice_of(lifecycle_text(lifecycle_state())));
	write_time(json, "started", start_s);
	json_text(json, "secret", slice_of(operations->secret_made ? "made" : "file"));
}

/* Doors */

static void write_door(struct json *json, const struct listen *listen,
                       const struct listener_counters *counters)
{
	static const char *const transports[] = {[TRANSPORT_UDP] = "udp",
	                                         [TRANSPORT_TCP] = "tcp",
	                                         [TRANSPORT_TLS] = "tls"};
	json_object(json, NULL);
	json_text(json, "listener", listen->text);
	json_text(json, "profile", listen->profile->name);
	json_text(json, "transport", slice_of(transports[listen->endpoint.transport]));
	json_count(json, "connections", counters_open(counters));
	json_count(json, "received", counter_get(&counters->received));
	json_count(json, "answered", counter_get(&counters->replied));
	json_count(json, "dropped", counter_get(&counters->dropped));
	json_end(json);
}

static void write_doors(struct json *json, const struct configuration *configuration,
                        const struct counters *sum)
{
	const struct settings *settings = configuration->settings;
	json_array(json, "doors");
	for (size_t i = 0; i < settings->listen_count; i++)
		write_door(json, &settings->listens[i],
		           &sum->listeners[configuration->numbering->listeners[i]]);
	json_end(json);
}

/* The table */

static void write_file(struct json *json, const struct filesum *file)
{
	json_object(json, NULL);
	json_text(json, "path", slice_of(file->path));
	if (file->sha256[0]) {
		json_text(json, "sha256", slice_of(file->sha256));
		json_count(json, "bytes", (uint64_t)file->status.st_size);
	} else {
		json_null(json, "sha256");
		json_null(json, "bytes");
	}
	if (file->has_rows)
		json_count(json, "rows", file->rows);
	else
		json_null(json, "rows");
	json_end(json);
}

static void write_files(struct json *json, const struct filesums *files)
{
	json_array(json, "files");
	for (size_t i = 0; files && i < files->count; i++)
		write_file(json, &files->items[i]);
	json_end(json);
}

static void write_table(struct json *json, const struct configuration *configuration)
{
	struct table_counts counts = table_counts(configuration->table);
	json_object(json, "table");
	write_files(json, configuration->filesums);
	json_count(json, "rules", counts.rules);
	json_count(json, "gateways", counts.gateways);
	json_count(json, "groups", counts.groups);
	json_count(json, "tenants", counts.tables);
	json_count(json, "numbers", counts.numbers);
	json_count(json, "decks", counts.decks);
	json_count(json, "bytes", counts.bytes);
	write_time(json, "loaded_at", configuration->loaded_at_s);
	json_number(json, "load_ms", configuration->load_ms);
	json_end(json);
}

/* Reloads */

/* A finding, with the lines behind it that begin with a blank: its hint. */
static struct slice take_finding(struct slice *text)
{
	struct slice whole = *text;
	do
		*text = slice_skip(*text, slice_find(*text, '\n') + 1);
	while (text->len && text->at[0] == ' ');
	return slice_trim((struct slice){whole.at, whole.len - text->len});
}

static void write_findings(struct json *json, struct slice text)
{
	json_array(json, "findings");
	while (text.len)
		json_text(json, NULL, take_finding(&text));
	json_end(json);
}

static void write_reload(struct json *json, struct reloads *reloads)
{
	static const char *const results[] = {
		[RELOAD_NONE] = "none", [RELOAD_OK] = "ok", [RELOAD_FAILED] = "failed"};
	struct reload_record last = reloads_last(reloads);
	json_object(json, "reload");
	json_text(json, "last", slice_of(results[last.result]));
	if (last.result == RELOAD_NONE) {
		json_null(json, "at");
		json_null(json, "ms");
	} else {
		write_time(json, "at", last.at_s);
		json_number(json, "ms", last.ms);
	}
	write_findings(json, slice_of(last.findings));
	json_end(json);
	free(last.findings);
}

/* Gateways */

static void write_gateway(void *arg, const struct probe_view *view)
{
	static const char *const states[] = {
		[PROBE_UNPROBED] = "unprobed", [PROBE_UP] = "up", [PROBE_DOWN] = "down"};
	struct json *json = arg;
	json_object(json, NULL);
	json_text(json, "name", view->name);
	json_text(json, "uri", view->uri);
	json_text(json, "state", slice_of(states[view->state]));
	if (view->since_s)
		write_time(json, "since", view->since_s);
	else
		json_null(json, "since");
	if (view->rtt_us)
		json_number(json, "rtt_ms", (double)view->rtt_us / 1000);
	else
		json_null(json, "rtt_ms");
	if (*view->last_error)
		json_text(json, "last_error", slice_of(view->last_error));
	else
		json_null(json, "last_error");
	json_end(json);
}

/* Those that have a name, in the order of the files. */
static void write_gateways(struct json *json, struct probes *probes)
{
	json_array(json, "gateways");
	probes_visit(probes, write_gateway, json);
	json_end(json);
}

/* Answers */

static void write_answers(struct json *json, const struct counters *sum)
{
	json_object(json, "answers");
	for (unsigned i = 0; i < COUNTERS_STATUSES; i++) {
		uint64_t count = 0;
		char status[4];
		for (size_t method = 0; method < COUNTERS_METHODS; method++)
			count += counter_get(&sum->replies[method][i]);
		snprintf(status, sizeof status, "%u", (i + 200) % 1000);
		if (count)
			json_count(json, status, count);
	}
	json_end(json);
}

static void write_all(struct json *json, const struct operations *operations,
                      const struct configuration *configuration,
                      const struct counters *sum)
{
	json_object(json, NULL);
	write_server(json, operations);
	write_doors(json, configuration, sum);
	write_table(json, configuration);
	write_reload(json, operations->reloads);
	write_gateways(json, operations->probes);
	write_answers(json, sum);
	json_end(json);
	putc('\n', json->to);
}

bool status_write(const struct operations *operations, FILE *to)
{
	struct json json = {.to = to};
	struct counters *sum = malloc(sizeof *sum);
	if (!sum)
		return false;
	counterset_sum(&operations->counterset, sum);
	const struct configuration *configuration =
		snapshot_acquire(operations->snapshot);
	write_all(&json, operations, configuration, sum);
	snapshot_release(operations->snapshot, configuration);
	free(sum);
	return true;
}
