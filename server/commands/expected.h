/* SPDX-License-Identifier: MIT */
/* expected.h - what an expectation expects of an answer: its key `expect`. */
#ifndef SERVER_EXPECTED_H
#define SERVER_EXPECTED_H

#include "rules/diags.h"
#include "rules/slice.h"

struct load; /* schema.h */
struct node; /* document.h */

/* A text of the file and where it stands. Not given: at is NULL. */
struct said {
	struct slice text;
	struct position position;
};

/* Targets in order; those of one tier in any order. */
struct said_tier {
	size_t count;
	const struct said *members;
};
struct said_list {
	bool given;
	size_t count;
	const struct said_tier *tiers;
};

struct said_header {
	struct slice name, value;
};

#define MILLION 1000000u

/* How often a gateway comes first. */
struct said_share {
	struct said gateway;
	unsigned long millionths;
};

/* Texts point into the document. */
struct expected {
	bool has_status;
	unsigned status;     /* 0: no reply at all */
	struct slice phrase; /* empty: any */
	struct said rule, number, why;
	struct said_list gateways, contacts;
	size_t header_count;
	const struct said_header *headers; /* each is among those of the reply */
	size_t share_count;
	const struct said_share *shares;
	unsigned long calls; /* over so many calls */
	bool has_tolerance;
	unsigned long tolerance; /* millionths; not given: by the number of calls */
};

/* Reads a mapping, or for short a status or the name of a rule. into is a struct
 * expected; a reader of schema.h. */
bool expected_read(struct load *load, const struct node *node, void *into);

#endif
