/* SPDX-License-Identifier: MIT */
/* hep.h - copies of requests and replies for Homer and the like (HEPv3, over UDP).
 *
 *     worker ── message ──▶ ring ─┐
 *     worker ── message ──▶ ring ─┴─▶ thread: header + message ──▶ sendmmsg()
 *
 * As with the log (journal.h), no thread waits: each that answers copies messages into a
 * ring of its own, a thread sends them, and what finds no room, or cannot be sent, is
 * dropped and counted. Messages of TLS are sent as they were before they were encrypted.
 *
 * Memory: RING_BYTES for each thread that answers, once settings have asked for it.
 * Without, there is no thread, and a message costs a look at the settings.
 */
#ifndef SERVER_HEP_H
#define SERVER_HEP_H

#include <stdint.h>

#include "rules/slice.h"
#include "server/log/ring.h"
#include "server/settings/settings.h"
#include "server/sip/endpoint.h"

/* Sends to where settings want it from now on; starts the thread when it is first wanted.
 * If that fails nothing is sent, and the log says so. */
void hep_configure(const struct settings *settings);

/* Sends what is left, as far as that can be done at once, and ends the thread. */
void hep_stop(void);

/* A ring for a thread that answers, which gives it back with ring_leave(). NULL: out of
 * memory. */
struct ring *hep_ring(void);

/* A message on its way. from and to have the same transport. */
struct hep_packet {
	int64_t time_ns; /* Unix time */
	struct endpoint from, to;
	struct slice text;
};

/* Copies the packet into ring; it is dropped if that is full. */
void hep_put(struct ring *ring, const struct hep_packet *packet);

/* How many packets have been dropped since the start; for any thread. */
unsigned long hep_dropped(void);

/* The header in front of text: a HEPv3 packet's without its payload, whose length it
 * counts. id: of the capture agent. Returns its length. */
#define HEP_HEADER_MAX 128
size_t hep_header(const struct hep_packet *packet, uint32_t id,
                  unsigned char to[HEP_HEADER_MAX]);

#endif
