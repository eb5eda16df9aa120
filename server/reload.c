/* SPDX-License-Identifier: MIT */
#include "server/reload.h"

#include <sched.h>
#include <time.h>

#include "server/log.h"

static double milliseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static struct table_counts counts_in_force(struct snapshot *snapshot)
{
	const struct table *table = snapshot_acquire(snapshot);
	struct table_counts counts = table_counts(table);
	snapshot_release(snapshot, table);
	return counts;
}

static bool exchange(struct snapshot *snapshot, struct table *table, const char *path,
                     double start)
{
	struct table_counts old = counts_in_force(snapshot), new = table_counts(table);
	if (!snapshot_swap(snapshot, table)) {
		log_event(LOG_ERROR,
		          "reload failed, out of memory; the table in force stays");
		return false;
	}
	log_event(LOG_INFO,
	          "reloaded rules=%zu->%zu gateways=%zu->%zu groups=%zu->%zu ms=%.1f "
	          "file=%s",
	          old.rules, new.rules, old.gateways, new.gateways, old.groups,
	          new.groups, milliseconds() - start, path);
	return true;
}

static struct table *load(const struct configuration *configuration,
                          struct snapshot *snapshot, struct diags *diags)
{
	const struct table *in_force = snapshot_acquire(snapshot);
	struct table *table = configuration_table(configuration, in_force, diags);
	snapshot_release(snapshot, in_force);
	return table;
}

/* Reading millions of numbers takes seconds of a core. Whoever answers and waits for it
 * gets it after a millisecond at most, not when the scheduler's time slice is over. */
static void give_way(void)
{
	sched_yield();
}

bool reload(const struct configuration *configuration, struct snapshot *snapshot)
{
	const char *path = configuration->rules_path;
	double start = milliseconds();
	struct diags *diags = diags_new();
	if (diags)
		diags_on_progress(diags, give_way);
	struct table *table = diags ? load(configuration, snapshot, diags) : NULL;
	bool good = table && exchange(snapshot, table, path, start);
	if (diags)
		log_findings(diags);
	if (!table)
		log_event(LOG_ERROR,
		          "reload failed, the table in force stays errors=%zu ms=%.1f "
		          "file=%s",
		          diags ? diags_errors(diags) : 0, milliseconds() - start, path);
	diags_free(diags);
	return good;
}

bool reload_certificates(const struct configuration *configuration)
{
	struct certificates *certificates = configuration->certificates;
	if (certificates_count(certificates) == 0)
		return true;
	double start = milliseconds();
	struct diags *diags = diags_new();
	bool good = diags && certificates_reload(certificates, diags);
	if (diags)
		log_findings(diags);
	if (good)
		log_event(LOG_INFO, "certificates reloaded profiles=%zu ms=%.1f",
		          certificates_count(certificates), milliseconds() - start);
	else
		log_event(LOG_ERROR,
		          "certificates not reloaded, those in force stay errors=%zu",
		          diags ? diags_errors(diags) : 0);
	diags_free(diags);
	return good;
}
