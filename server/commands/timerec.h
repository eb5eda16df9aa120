/* SPDX-License-Identifier: MIT */
/* timerec.h - time recurrences of Kamailio's and OpenSIPS's drouting, as times of ours.
 *
 *     20040101T083000|PT10H|weekly|||MO,TU,WE,TH,FR
 *         → from: 2004-01-01T08:30:00, {days: [mon, tue, wed, thu, fri], hours:
 * 08:30:00-18:30:00}
 *
 * The fields: begin, duration, frequency, until, interval, days of the week, of the month
 * and of the year, weeks, months (RFC 2445). Converted are those that hold once, daily or
 * weekly.
 */
#ifndef SERVER_TIMEREC_H
#define SERVER_TIMEREC_H

#include "rules/slice.h"

#define TIMEREC_TEXT_MAX 128

struct timerec {
	char from[32], until[32];    /* of the rule; empty: none */
	char time[TIMEREC_TEXT_MAX]; /* keys of a time, in braces; empty: none */
	bool cut; /* the duration goes past midnight, where drouting ends it */
};

/* The empty text holds always. False with *why set to a static text if it is none, or
 * one that is not converted. */
bool timerec_read(struct slice text, struct timerec *out, const char **why);

#endif
