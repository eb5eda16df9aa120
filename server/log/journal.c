/* SPDX-License-Identifier: MIT */
#include "server/log/journal.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "server/log/calllog.h"
#include "server/log/rings.h"
#include "server/log/stamp.h"
#include "server/trust/privilege.h"

#define TURN 256 /* records of one ring; then the next has its turn */

/* What is in the ring of events; behind it the line. */
struct event {
	enum log_level level;
	bool also;
};

static struct {
	pthread_t thread;
	atomic_bool running, ending, reopening;
	_Atomic(struct sink *) next; /* to be moved to */
	struct rings rings;
	pthread_mutex_t lock; /* of those who put events */
	struct ring *events;
	atomic_ulong lost; /* lines that could not be written */
	atomic_ulong told; /* of all that were dropped: those that have been told */

	/* The thread's own */
	struct sink *sink;
	char *lines; /* of calls, to be written together; SINK_PIECE_MAX */
	size_t len;
} journal = {.lock = PTHREAD_MUTEX_INITIALIZER};

unsigned long journal_dropped(void)
{
	return atomic_load(&journal.lost) + rings_refused(&journal.rings);
}

/* Tells what has been dropped by write; true if there is nothing more to be told. */
static bool tell_dropped(bool (*write)(const char *line, size_t len))
{
	char line[128], time[STAMP_MAX];
	unsigned long told = atomic_load(&journal.told), dropped = journal_dropped();
	if (dropped == told)
		return true;
	stamp(stamp_now(), time);
	int len = snprintf(line, sizeof line, "%s warning log lines dropped count=%lu\n",
	                   time, dropped - told);
	return write(line, (size_t)len) &&
	       atomic_compare_exchange_strong(&journal.told, &told, dropped);
}

/* Putting */

static bool put_event(enum log_level level, bool also, const char *line, size_t len)
{
	pthread_mutex_lock(&journal.lock);
	struct event *event = ring_begin(journal.events, sizeof *event + len);
	if (event) {
		*event = (struct event){level, also};
		memcpy(event + 1, line, len);
		ring_commit(journal.events, sizeof *event + len);
	}
	pthread_mutex_unlock(&journal.lock);
	return event;
}

bool journal_put(enum log_level level, bool also, const char *line, size_t len)
{
	assert(len > 0 && len <= LOG_LINE_MAX && line[len - 1] == '\n');
	if (atomic_load(&journal.running))
		return put_event(level, also, line, len);
	bool written = tell_dropped(sink_write_now) && sink_write_now(line, len);
	if (!written)
		atomic_fetch_add(&journal.lost, 1);
	return written;
}

bool journal_ring(struct ring **ring)
{
	*ring = NULL;
	if (!atomic_load(&journal.running))
		return true;
	*ring = rings_add(&journal.rings);
	return *ring;
}

void journal_tell(void)
{
	if (!atomic_load(&journal.running))
		tell_dropped(sink_write_now);
	else if (journal_dropped() != atomic_load(&journal.told))
		sleeper_wake(&journal.rings.sleeper);
}

/* The thread */

static void write_lines(enum log_level level, const char *lines, size_t len)
{
	unsigned long lost = sink_write(journal.sink, level, lines, len);
	if (lost > 0)
		atomic_fetch_add(&journal.lost, lost);
}

static bool write_warning(const char *line, size_t len)
{
	return sink_write(journal.sink, LOG_WARNING, line, len) == 0;
}

static void flush(void)
{
	if (journal.len > 0)
		write_lines(LOG_INFO, journal.lines, journal.len);
	journal.len = 0;
}

static void take_event(const struct event *event, size_t len)
{
	const char *line = (const char *)(event + 1);
	len -= sizeof *event;
	flush();
	write_lines(event->level, line, len);
	if (event->also && sink_to(journal.sink) != LOG_TO_STDERR)
		sink_write_now(line, len);
}

static void take(struct ring *ring, void *arg)
{
	const void *record;
	size_t len;
	(void)arg;
	for (int i = 0; i < TURN && (record = ring_next(ring, &len)); i++) {
		if (journal.len > SINK_PIECE_MAX - LOG_LINE_MAX)
			flush();
		if (ring == journal.events)
			take_event(record, len);
		else
			journal.len += calllog_line(record, journal.lines + journal.len);
		if (i % 32 == 31)
			ring_release(ring);
	}
	ring_release(ring);
}

static void move(void)
{
	struct sink *next = atomic_exchange(&journal.next, NULL);
	if (next) {
		sink_close(journal.sink);
		journal.sink = next;
	}
	if (!atomic_exchange(&journal.reopening, false) ||
	    sink_to(journal.sink) != LOG_TO_FILE)
		return;
	int error = sink_reopen(journal.sink);
	if (error)
		log_event(LOG_ERROR,
		          "log not reopened, the old file is kept error=\"%s\"",
		          strerror(-error));
	else
		log_event(LOG_INFO, "log reopened");
}

static bool is_idle(void *arg)
{
	(void)arg;
	return !atomic_load(&journal.ending) && !atomic_load(&journal.reopening) &&
	       !atomic_load(&journal.next) && rings_are_empty(&journal.rings);
}

/* A round; true if there were calls or events. */
static bool write_all(void)
{
	move();
	tell_dropped(write_warning);
	bool any = rings_take(&journal.rings, take, NULL);
	flush();
	return any;
}

static void *run(void *arg)
{
	(void)arg;
	privilege_renounce();
	prctl(PR_SET_NAME, "signpost-log");
	for (;;) {
		bool ending = atomic_load(&journal.ending);
		bool any = write_all();
		if (ending && !any)
			break;
		if (any && !ending)
			sleeper_doze(&journal.rings.sleeper, JOURNAL_DOZE_MS);
		else
			sleeper_sleep(&journal.rings.sleeper, is_idle, NULL);
	}
	tell_dropped(write_warning);
	return NULL;
}

/* From outside */

int journal_start(struct sink *sink)
{
	journal.sink = sink;
	journal.lines = malloc(SINK_PIECE_MAX);
	journal.events = rings_add(&journal.rings);
	if (!journal.lines || !journal.events)
		return ENOMEM;
	int error = pthread_create(&journal.thread, NULL, run, NULL);
	atomic_store(&journal.running, error == 0);
	return error;
}

void journal_stop(void)
{
	struct timespec end;
	if (!atomic_exchange(&journal.running, false))
		return;
	atomic_store(&journal.ending, true);
	sleeper_wake(&journal.rings.sleeper);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += JOURNAL_STOP_MS * 1000000L;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	if (pthread_timedjoin_np(journal.thread, NULL, &end) != 0) {
		pthread_detach(journal.thread); /* it waits still, and has all it needs */
		return;
	}
	sink_close(journal.sink);
	journal.sink = NULL;
	free(journal.lines);
}

void journal_move(struct sink *sink)
{
	sink_close(atomic_exchange(&journal.next, sink));
	sleeper_wake(&journal.rings.sleeper);
}

void journal_reopen(void)
{
	atomic_store(&journal.reopening, true);
	sleeper_wake(&journal.rings.sleeper);
}
