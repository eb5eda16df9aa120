/* SPDX-License-Identifier: MIT */
/* invite.h - the request of the measurements, and whether an answer to it is right.
 *
 * An INVITE of INVITE_SIZE bytes as a PBX sends it: 13 headers and SDP, nothing unusual.
 * All are of one size and differ in number, branch, tag and Call-ID, which follow from a
 * serial number. A right answer is a 302 to <sip:+44NNNNNNNNN@gwN.example.net>: the
 * number itself, at the gateway that its first digit after +44 names.
 */
#ifndef TESTS_BENCH_INVITE_H
#define TESTS_BENCH_INVITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INVITE_SIZE      940
#define INVITE_SLOTS_MAX 100000

struct invite {
	char text[INVITE_SIZE + 1];
	uint16_t number_at[2], serial_at[3]; /* where they are in text */
	uint16_t call_id_at, branch_at;
};

/* slot is in the Call-ID, so that an answer leads back to its invite: below
 * INVITE_SLOTS_MAX. transport: "UDP" or "TCP"; port: the one it will be sent from. */
void invite_init(struct invite *invite, const char *transport, unsigned port,
                 unsigned slot);

/* Of the 9 digits only so many numbers, evenly spread, are called: a power of ten. */
void invite_numbers(uint64_t count);

/* Makes it another request: the low 48 bits of serial count. */
void invite_renew(struct invite *invite, uint64_t serial);

/* What matters of an answer; points into its text. */
struct answer {
	const char *text;
	size_t length;
	struct answer_value {
		const char *at;
		size_t size; /* 0: there is no such header */
	} via, call_id, contact;
	unsigned slot;
};

/* False: it answers no invite of ours. */
bool answer_read(struct answer *answer, const char *text, size_t length);

/* True if it answers this invite, not an earlier one from the same slot. */
bool answer_is_to(const struct answer *answer, const struct invite *invite);

/* NULL if it is the right answer to invite, else what is wrong with it. */
const char *answer_fault(const struct answer *answer, const struct invite *invite);

#endif
