/* SPDX-License-Identifier: MIT */
#include "server/operations/exposition.h"

#include <inttypes.h>
#include <stdlib.h>

#include "server/log/hep.h"
#include "server/log/journal.h"
#include "server/log/log.h"
#include "server/operations/lifecycle.h"
#include "server/operations/operations.h"
#include "server/operations/usage.h"

/* What all that follows writes from. */
struct exposition {
	FILE *to;
	const struct registry *registry;
	const struct counters *sum;
};

void exposition_label(struct slice value, FILE *to)
{
	while (value.len > 0) {
		size_t len = slice_utf8(value);
		char c = value.at[0];
		if (c == '\n')
			fputs("\\n", to);
		else if (c == '\\' || c == '"')
			fprintf(to, "\\%c", c);
		else if (len)
			fwrite_unlocked(value.at, 1, len, to);
		else
			fputs("\xef\xbf\xbd", to);
		value = slice_skip(value, len ? len : 1);
	}
}

static void write_family(FILE *to, const char *name, const char *type, const char *help)
{
	fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_gauge(FILE *to, const char *name, const char *help, double value)
{
	write_family(to, name, "gauge", help);
	fprintf(to, "%s %.15g\n", name, value);
}

static void write_counter(FILE *to, const char *name, const char *help, uint64_t value)
{
	write_family(to, name, "counter", help);
	fprintf(to, "%s %" PRIu64 "\n", name, value);
}

/* name{label="of number"; the caller goes on. */
static void begin_row(const struct exposition *exposition, const char *name,
                      const char *label, enum registry_kind kind, unsigned number)
{
	fprintf(exposition->to, "%s{%s=\"", name, label);
	exposition_label(registry_name(exposition->registry, kind, number),
	                 exposition->to);
	putc_unlocked('"', exposition->to);
}

/* One row for each name there is, and for the others if there were any. Counters of two
 * names in a row are stride bytes apart. */
static void write_by_name(const struct exposition *exposition, const char *name,
                          const char *help, const char *label, enum registry_kind kind,
                          const struct counter *first, size_t stride)
{
	size_t count = registry_count(exposition->registry, kind);
	write_family(exposition->to, name, "counter", help);
	for (unsigned i = 0; i < count; i++) {
		const struct counter *counter =
			(const void *)((const char *)first + i * stride);
		if (i == REGISTRY_OTHER && !counter_get(counter))
			continue;
		begin_row(exposition, name, label, kind, i);
		fprintf(exposition->to, "} %" PRIu64 "\n", counter_get(counter));
	}
}

static void write_by_class(const struct exposition *exposition, const char *name,
                           const char *help, const char *label, enum registry_kind kind,
                           const struct counter (*counters)[COUNTERS_CLASSES])
{
	size_t count = registry_count(exposition->registry, kind);
	write_family(exposition->to, name, "counter", help);
	for (unsigned i = 0; i < count; i++)
		for (unsigned class = 0; class < COUNTERS_CLASSES; class ++) {
			uint64_t value = counter_get(&counters[i][class]);
			if (!value)
				continue;
			begin_row(exposition, name, label, kind, i);
			fprintf(exposition->to, ",class=\"%uxx\"} %" PRIu64 "\n",
			        class + 2, value);
		}
}

static void write_replies(const struct exposition *exposition)
{
	static const char name[] = "signpost_replies_total";
	size_t count = registry_count(exposition->registry, REGISTRY_METHODS);
	write_family(exposition->to, name, "counter", "Replies by method and status.");
	for (unsigned method = 0; method < count; method++)
		for (unsigned i = 0; i < COUNTERS_STATUSES; i++) {
			uint64_t value =
				counter_get(&exposition->sum->replies[method][i]);
			if (!value)
				continue;
			begin_row(exposition, name, "method", REGISTRY_METHODS, method);
			fprintf(exposition->to, ",status=\"%u\"} %" PRIu64 "\n", i + 200,
			        value);
		}
}

static void write_decisions(const struct exposition *exposition)
{
	const struct counters *sum = exposition->sum;
	const size_t size = sizeof(struct counter);
	write_replies(exposition);
	write_by_class(exposition, "signpost_profile_replies_total",
	               "Replies by profile and class of status.", "profile",
	               REGISTRY_PROFILES, sum->profiles);
	write_by_class(exposition, "signpost_peer_replies_total",
	               "Replies by peer and class of status.", "peer", REGISTRY_PEERS,
	               sum->peers);
	write_by_name(exposition, "signpost_rule_replies_total",
	              "Replies that a rule decided.", "rule", REGISTRY_RULES, sum->rules,
	              size);
	write_by_name(exposition, "signpost_gateway_offers_total",
	              "Replies that had a gateway among their Contacts.", "gateway",
	              REGISTRY_GATEWAYS, sum->offers, size);
	write_by_name(exposition, "signpost_gateway_first_offers_total",
	              "Replies that had a gateway as their first Contact.", "gateway",
	              REGISTRY_GATEWAYS, sum->first_offers, size);
	write_counter(exposition->to, "signpost_contacts_cut_total",
	              "Contacts left out because the reply would have been too large.",
	              counter_get(&sum->cut));
}

static void write_drops(FILE *to)
{
	static const char name[] = "signpost_drops_total";
	write_family(to, name, "counter",
	             "Messages, replies and connections dropped or turned away, by "
	             "reason.");
	for (enum log_kind kind = 0; kind < LOG_KINDS; kind++)
		if (log_drop(kind))
			fprintf(to, "%s{reason=\"%s\"} %" PRIu64 "\n", name,
			        log_drop(kind), log_total(kind));
	write_counter(to, "signpost_log_lines_dropped_total",
	              "Lines of the log that found no room or could not be written.",
	              journal_dropped());
	write_counter(to, "signpost_hep_dropped_total",
	              "Copies of messages that found no room or could not be sent.",
	              hep_dropped());
}

/* Those opened, or those open. */
static void write_connections(const struct exposition *exposition, const char *name,
                              const char *help, bool now)
{
	size_t count = registry_count(exposition->registry, REGISTRY_LISTENERS);
	write_family(exposition->to, name, now ? "gauge" : "counter", help);
	for (unsigned i = 0; i < count; i++) {
		const struct listener_counters *of = &exposition->sum->listeners[i];
		uint64_t opened = counter_get(&of->opened);
		if (slice_begins(
			    registry_name(exposition->registry, REGISTRY_LISTENERS, i),
			    slice_of("udp:")) ||
		    (i == REGISTRY_OTHER && !opened))
			continue;
		begin_row(exposition, name, "listener", REGISTRY_LISTENERS, i);
		fprintf(exposition->to, "} %" PRIu64 "\n",
		        now ? counters_open(of) : opened);
	}
}

static void write_listeners(const struct exposition *exposition)
{
	const struct listener_counters *first = exposition->sum->listeners;
	const size_t size = sizeof *first;
	write_by_name(exposition, "signpost_listener_messages_total",
	              "Messages of peers that came in by a listener.", "listener",
	              REGISTRY_LISTENERS, &first->received, size);
	write_by_name(exposition, "signpost_listener_replies_total",
	              "Replies to what came in by a listener.", "listener",
	              REGISTRY_LISTENERS, &first->replied, size);
	write_by_name(exposition, "signpost_listener_drops_total",
	              "Messages that came in by a listener and were not answered, ACKs "
	              "and responses aside.",
	              "listener", REGISTRY_LISTENERS, &first->dropped, size);
	write_connections(exposition, "signpost_connections_opened_total",
	                  "Connections that were opened, by listener.", false);
	write_connections(exposition, "signpost_connections",
	                  "Connections that are open, by listener.", true);
}

static void write_handling(const struct exposition *exposition)
{
	static const char name[] = "signpost_handling_seconds";
	const struct counters *sum = exposition->sum;
	uint64_t count = 0;
	write_family(exposition->to, name, "histogram",
	             "Time from receipt of a request to the sending of its reply.");
	for (size_t i = 0; i < COUNTERS_BUCKETS - 1; i++) {
		count += counter_get(&sum->handled[i]);
		fprintf(exposition->to, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name,
		        counters_bounds_us[i] / 1e6, count);
	}
	count += counter_get(&sum->handled[COUNTERS_BUCKETS - 1]);
	fprintf(exposition->to,
	        "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum %.9f\n%s_count %" PRIu64 "\n",
	        name, count, name, (double)counter_get(&sum->handled_ns) / 1e9, name,
	        count);
}

static void write_table(FILE *to, const struct table *table)
{
	struct table_counts counts = table_counts(table);
	write_gauge(to, "signpost_table_rules", "Rules of the table in force.",
	            (double)counts.rules);
	write_gauge(to, "signpost_table_gateways", "Gateways of the table in force.",
	            (double)counts.gateways);
	write_gauge(to, "signpost_table_groups", "Groups of the table in force.",
	            (double)counts.groups);
	write_gauge(to, "signpost_table_tenants", "Tables of tenants in force.",
	            (double)counts.tables);
	write_gauge(to, "signpost_table_numbers", "Rows of number tables in force.",
	            (double)counts.numbers);
	write_gauge(to, "signpost_table_decks", "Price lists of carriers in force.",
	            (double)counts.decks);
	write_gauge(to, "signpost_table_bytes", "Memory of the table in force.",
	            (double)counts.bytes);
}

static void write_reloads(FILE *to, struct reloads *reloads)
{
	static const char name[] = "signpost_reloads_total";
	struct reload_record last = reloads_last(reloads);
	write_family(to, name, "counter", "Reloads by result.");
	fprintf(to, "%s{result=\"ok\"} %" PRIu64 "\n%s{result=\"failed\"} %" PRIu64 "\n",
	        name, last.succeeded, name, last.failed);
	write_gauge(to, "signpost_last_reload_successful",
	            "1 unless the last reload failed.", last.result != RELOAD_FAILED);
	write_gauge(to, "signpost_last_reload_success_timestamp_seconds",
	            "When what is in force was put in force.", (double)last.success_s);
	write_gauge(to, "signpost_last_reload_duration_seconds",
	            "How long the last reload took; 0 if there was none.", last.ms / 1e3);
	free(last.findings);
}

/* Named as all programs for Prometheus do. */
static void write_process(FILE *to, const struct usage *usage)
{
	write_gauge(to, "process_start_time_seconds", "When the process started.",
	            usage->start_s);
	write_family(to, "process_cpu_seconds_total", "counter",
	             "Processor time, user and system.");
	fprintf(to, "process_cpu_seconds_total %.6f\n", usage->cpu_s);
	write_gauge(to, "process_resident_memory_bytes", "Memory in use.",
	            usage->resident_bytes);
	write_gauge(to, "process_virtual_memory_bytes", "Address space in use.",
	            usage->virtual_bytes);
	write_gauge(to, "process_open_fds", "Open file descriptors.", usage->open_fds);
	write_gauge(to, "process_max_fds", "File descriptors there may be.",
	            usage->max_fds);
}

static void write_server(FILE *to)
{
	static const char name[] = "signpost_build_info";
	write_family(to, name, "gauge", "1; its label is the version.");
	fprintf(to, "%s{version=\"", name);
	exposition_label(slice_of(VERSION), to);
	fputs("\"} 1\n", to);
	write_gauge(to, "signpost_serving", "1 while calls are welcome: not draining.",
	            lifecycle_state() == LIFECYCLE_SERVING);
}

bool exposition_write(const struct operations *operations, FILE *to)
{
	struct counters *sum = malloc(sizeof *sum);
	struct exposition exposition = {to, operations->registry, sum};
	if (!sum)
		return false;
	counterset_sum(&operations->counterset, sum);
	const struct configuration *configuration =
		snapshot_acquire(operations->snapshot);
	write_server(to);
	write_decisions(&exposition);
	write_drops(to);
	write_listeners(&exposition);
	write_handling(&exposition);
	write_table(to, configuration->table);
	snapshot_release(operations->snapshot, configuration);
	write_reloads(to, operations->reloads);
	struct usage usage = usage_now(operations->start_s);
	write_process(to, &usage);
	free(sum);
	return true;
}
