/* SPDX-License-Identifier: MIT */
/* select.h - in which order the gateways of a tier are offered to one call. */
#ifndef RULES_SELECT_H
#define RULES_SELECT_H

#include <stdint.h>

#include "rules/rule.h"

/* Puts the gateways of tier that are in use at now_s into order, best first; returns how
 * many. At most ROUTE_TARGETS_MAX.
 *
 * A weighted shuffle: a gateway comes first in weight/sum of weights of all calls. Each
 * gateway draws a number from call_key and its own hash alone, so the order is the same
 * for every retransmission and on every replica, and taking one gateway away moves only
 * the calls that it had (weighted rendezvous hashing). */
size_t select_order(const struct tier *tier, uint64_t call_key, int64_t now_s,
                    const struct gateway *order[ROUTE_TARGETS_MAX]);

/* The draw of one that has this hash and weight: the smallest comes first. */
double select_draw(uint64_t hash, unsigned weight, uint64_t call_key);

#endif
