/* SPDX-License-Identifier: MIT */
/* sip_mutator.h - changes a SIP message where it matters, for the fuzzers that read one.
 *
 * Bytes changed at random mostly give messages that are thrown away at the first look. So
 * the message is taken for what it is, a start line, header fields and a body, and fields
 * are doubled, dropped, moved, swapped, folded, renamed and given values that hurt;
 * numbers go to their limits, Content-Length is put right or a little wrong, another
 * message follows. Every few turns the bytes are libFuzzer's own to change.
 *
 * Linked with a fuzzer whose name says server_; libFuzzer calls it for each new input.
 */
#ifndef TESTS_FUZZ_SIP_MUTATOR_H
#define TESTS_FUZZ_SIP_MUTATOR_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of an input before the message; each fuzzer says how many. They are changed as
 * bytes. */
extern const size_t sip_mutator_prefix;

/* Changes the message of size bytes at data, which has room for size_max; the same seed
 * changes it the same way. Gives the new size, at least 1. */
size_t sip_mutate(uint8_t *data, size_t size, size_t size_max, unsigned seed);

#endif
