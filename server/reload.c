/* SPDX-License-Identifier: MIT */
#include "server/reload.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "server/clock.h"
#include "server/log/hep.h"
#include "server/log/journal.h"
#include "server/log/log.h"

/* Reading millions of numbers takes seconds of a core. Whoever answers and waits for it
 * gets it after a millisecond at most, not when the scheduler's time slice is over. */
static void give_way(void *arg)
{
	const struct followers *followers = arg;
	sched_yield();
	followers->on_progress(followers->arg);
}

/* All that the secret was read for is to see that it is the same. */
static void check_secret(const struct configuration *fresh, const struct tag_keys *keys,
                         struct diags *diags)
{
	struct slice secret = fresh->settings->secret;
	struct tag_keys drawn;
	bool same = secret.len ? tag_keys_init(&drawn, secret) &&
	                                 memcmp(&drawn, keys, sizeof drawn) == 0
	                       : keys->made;
	explicit_bzero(&drawn, sizeof drawn);
	settings_wipe(fresh->settings);
	if (!same)
		diags_add(diags, SEVERITY_WARNING, fresh->settings->secret_position, NULL,
		          "\"secret\" cannot change while the server runs: restart it");
}

static void abandon(const struct followers *followers)
{
	doors_abandon(followers->doors);
	http_abandon(followers->http);
}

static bool prepare(const struct followers *followers, const struct settings *settings,
                    struct diags *diags)
{
	if (!doors_prepare(followers->doors, settings, diags))
		return false;
	if (http_prepare(followers->http, settings, diags))
		return true;
	abandon(followers);
	return false;
}

static void adopt(const struct followers *followers, struct snapshot *snapshot)
{
	const struct configuration *in_force = snapshot_acquire(snapshot);
	doors_adopt(followers->doors);
	http_adopt(followers->http, in_force->settings);
	hep_configure(in_force->settings);
	if (!probes_adopt(followers->probes))
		log_event(LOG_ERROR, "gateways cannot be probed error=\"%s\"",
		          strerror(errno));
	snapshot_release(snapshot, in_force);
}

/* The log goes where fresh wants it. */
static bool put_in_force(struct snapshot *snapshot, struct configuration *fresh)
{
	struct sink *sink = fresh->sink;
	fresh->sink = NULL;
	bool good = snapshot_swap(snapshot, fresh);
	if (good && sink)
		journal_move(sink);
	else
		sink_close(sink);
	return good;
}

static bool no_memory(struct diags *diags)
{
	diags_add(diags, SEVERITY_ERROR, (struct position){0}, NULL, "out of memory");
	return false;
}

/* Fills fresh, opens its listeners and puts it in force. */
static bool load(const struct configuration *in_force, struct snapshot *snapshot,
                 const struct followers *followers, const struct tag_keys *keys,
                 struct configuration *fresh, struct diags *diags)
{
	if (!configuration_reload(fresh, in_force, diags))
		return false;
	check_secret(fresh, keys, diags);
	fresh->numbering =
		numbering_new(followers->registry, fresh->settings, fresh->table);
	if (fresh->settings->metrics.given)
		fresh->filesums = filesums_new(fresh->table, in_force->filesums, diags);
	bool good = fresh->numbering ? prepare(followers, fresh->settings, diags)
	                             : no_memory(diags);
	if (good && put_in_force(snapshot, fresh))
		return true;
	if (good) {
		abandon(followers);
		no_memory(diags);
	}
	configuration_free(fresh);
	return false;
}

static void log_reloaded(const struct configuration *old, const struct configuration *new,
                         double ms)
{
	struct table_counts was = table_counts(old->table), is = table_counts(new->table);
	log_event(LOG_INFO,
	          "reloaded rules=%zu->%zu gateways=%zu->%zu groups=%zu->%zu "
	          "listeners=%zu->%zu ms=%.1f file=%s",
	          was.rules, is.rules, was.gateways, is.gateways, was.groups, is.groups,
	          old->settings->listen_count, new->settings->listen_count, ms,
	          new->rules_path);
}

static bool exchange(struct snapshot *snapshot, const struct followers *followers,
                     const struct tag_keys *keys, struct diags *diags)
{
	int64_t start_ns = clock_ns();
	struct configuration fresh;
	const struct configuration *in_force = snapshot_acquire(snapshot);
	bool good = diags && load(in_force, snapshot, followers, keys, &fresh, diags);
	if (good)
		adopt(followers, snapshot);
	double ms = (double)(clock_ns() - start_ns) / 1e6;
	if (diags)
		log_findings(diags);
	if (good)
		log_reloaded(in_force, &fresh, ms);
	else
		log_event(LOG_ERROR,
		          "reload failed, what is in force stays errors=%zu ms=%.1f "
		          "file=%s",
		          diags ? diags_errors(diags) : 0, ms, in_force->rules_path);
	reloads_note(followers->reloads, good, ms, diags);
	snapshot_release(snapshot, in_force);
	return good;
}

bool reload(struct snapshot *snapshot, struct followers *followers,
            const struct tag_keys *keys)
{
	struct diags *diags = diags_new();
	if (diags)
		diags_on_progress(diags, give_way, followers);
	bool good = exchange(snapshot, followers, keys, diags);
	diags_free(diags);
	return good;
}
