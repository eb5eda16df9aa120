/* SPDX-License-Identifier: MIT */
/* count.h - what became of a message, into the counters of the thread that saw to it. */
#ifndef SERVER_COUNT_H
#define SERVER_COUNT_H

#include "rules/decision.h"
#include "server/doors/door.h"
#include "server/operations/counters.h"

/* A reply that is on its way. */
struct counted {
	struct slice method;
	unsigned status;
	const struct decision *decision; /* that it tells; NULL: no table's */
	bool offers;                     /* the decision's targets, which are as sent */
	size_t cut;                      /* targets left out for size */
};

/* counters may be NULL, as may configuration's numbering: then nothing is counted.
 * configuration is what arrival's listener and peer are of. */
void count_received(struct counters *counters, const struct configuration *configuration,
                    const struct arrival *arrival);
void count_reply(struct counters *counters, const struct configuration *configuration,
                 const struct arrival *arrival, const struct counted *counted);
void count_dropped(struct counters *counters, const struct configuration *configuration,
                   const struct arrival *arrival);

/* Connections of a listener; opened returns what closed is to be given, when the
 * configuration may be another. */
unsigned count_opened(struct counters *counters,
                      const struct configuration *configuration,
                      const struct arrival *arrival);
void count_closed(struct counters *counters, unsigned listener);

#endif
