/* SPDX-License-Identifier: MIT */
/* quick.h - the quick way to understand a plain request: no parser, no copy, no memory.
 *
 * Strict: it takes what real trunks send when nothing is unusual, one of each header, no
 * escapes, comments or blanks in odd places; everything else is request_read_fully()'s.
 * What it does take, it reads exactly as that does: a fuzzer feeds both and compares the
 * replies.
 */
#ifndef SERVER_QUICK_H
#define SERVER_QUICK_H

#include "server/sip/request.h"

#define QUICK_FIELDS_MAX 64

/* Fills request, whose message is set. False: not plain, and request is half filled. */
bool quick_read(struct request *request);

/* Reads one plain address: ["display"] <sip:…>[;parameters]. The user part may be
 * missing. tag is empty without one. False: not plain. */
bool quick_address(struct slice value, struct party *party, struct slice *tag);

/* Reads one plain P-Asserted-Identity, which is an address without parameters behind it
 * (RFC 3325 9.1). False: not plain. */
bool quick_identity(struct slice value, struct party *party);

#endif
