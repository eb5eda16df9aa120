/* SPDX-License-Identifier: MIT */
/* peers.h - whose address it is, among thousands of networks.
 *
 * Made once from the networks of a profile's peers, which may lie in each other: they are
 * cut into ranges that do not, each with the peer of the most specific network there. An
 * address is two numbers of 64 bits, and so are the ranges:
 *
 *     high   ┌── 0 (v4) ──┬── 20010db8... ──┬── ... ──     range -> peer, or a low level
 *     low        └─ ffff0a010000 ─┬─ ...                   range -> peer
 *
 * A level is the beginnings of its ranges in the order of a search (Eytzinger's), so that
 * each step is a comparison without a branch, and the steps to come can be fetched. v4
 * takes one search, v6 one or two. Read-only, so any number of threads may look.
 */
#ifndef SERVER_PEERS_H
#define SERVER_PEERS_H

#include "rules/arena.h"
#include "rules/network.h"

struct peer;
struct peers;

/* Of count peers; of equal networks the first counts. It lives in arena. NULL when out of
 * memory. */
const struct peers *peers_new(struct arena *arena, const struct peer *const *peers,
                              size_t count);

/* NULL: nobody's. */
const struct peer *peers_find(const struct peers *peers, const struct address *address);

#endif
