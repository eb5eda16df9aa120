/* SPDX-License-Identifier: MIT */
/* history.h - the last hour's answers, by minute and status. */
#ifndef SERVER_HISTORY_H
#define SERVER_HISTORY_H

#include <stdint.h>
#include <stdio.h>

#define HISTORY_MINUTES  60
#define HISTORY_STATUSES 500 /* 200..699 */

struct history;

struct history *history_new(void); /* NULL: out of memory */
void history_free(struct history *history);

/* totals: of each status, so many answers until now, of the minute that now is (of any
 * clock that never goes back). What came since the last time counts for this minute. By
 * any thread. */
void history_note(struct history *history, const uint64_t totals[HISTORY_STATUSES],
                  int64_t minute);

/* {"statuses":[302,404],"minutes":[[7,0],[5,1]]}: statuses that were answered in the last
 * hour, in their order, and how often in each minute; the newest, which is not over, is
 * last. */
void history_write(struct history *history, FILE *to);

#endif
