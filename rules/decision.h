/* SPDX-License-Identifier: MIT */
/* decision.h - what a routing table says about one request, and why. */
#ifndef RULES_DECISION_H
#define RULES_DECISION_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/decimal.h"
#include "rules/diags.h"
#include "rules/numbers.h"
#include "rules/slice.h"

/* Contacts of one reply; Kamailio and OpenSIPS keep 16 at most. */
#define DECISION_TARGETS_MAX 10

/* Why the decision is what it is, where the status alone does not tell. */
enum decision_cause {
	CAUSE_RULE,     /* a rule or the default says so */
	CAUSE_DISABLED, /* 480: every gateway of the rule is disabled, or out of its time
	                 */
	CAUSE_INCOMPLETE, /* 484: rewriting leaves no number, or one that is too long */
	CAUSE_UNFIT,      /* 404: no target may be offered to the request */
	CAUSE_NO_GATEWAY, /* 480: the row of a number table names no gateway */
	CAUSE_NO_RATE,    /* 404: no carrier has a rate in force for the number */
	CAUSE_TOO_DEAR,   /* 480: all that have one are above max_rate */
	CAUSE_GAVE_UP,    /* 500: a regex took too long: who knows which rule is right */
};

/* A row of a number table that a rule has found. */
struct row {
	struct slice table;            /* its name */
	const struct numbers *numbers; /* NULL: there is none */
	struct numbers_row at;
	struct slice key; /* the number, or the prefix of it that the row is for */
};

struct headers;

struct target {
	struct slice uri;  /* complete and escaped: "sip:+442071234567@gw1.example.net" */
	struct slice host; /* of the URI: a name, an address, or [IPv6] */
	struct slice gateway;          /* its name; empty for a URI written in the rule */
	size_t gateway_number;         /* see table_names() */
	const struct headers *headers; /* that it adds to the reply if it is the first */
	bool down; /* it does not answer: it stands behind those that are up */
};

/* Texts point into the table or into the lookup's workspace and live until the next
 * lookup with that workspace, or until the table is freed. */
struct decision {
	unsigned status;   /* 300..399: redirect, there are targets; else 400..699 */
	bool status_given; /* the rule names it: no dialect changes it */
	bool priority;     /* of the rule: answered whatever the limits say */
	enum decision_cause cause;
	struct slice table;       /* of `tables`; empty: the top level */
	struct slice rule;        /* the rule's name; "default" if none matched */
	struct position position; /* of the rule; line 0 for the built-in default */
	size_t rule_number;       /* see table_names() */
	struct slice asked;       /* what rules saw as the called number: it, or its rn */
	struct slice number; /* the called number after rewriting; empty for a reject */

	struct row row; /* what {row.COLUMN} is taken from */

	size_t target_count; /* > 0 exactly when status is 300..399 */
	struct target targets[DECISION_TARGETS_MAX]; /* best first */
	size_t left_out;                             /* targets beyond the maximum */
	size_t unfit;            /* targets that may not be offered to the request */
	unsigned long expires_s; /* 0: not given */

	struct slice phrase; /* empty: the status code's own */
	struct slice reason; /* value of a Reason header (RFC 3326); empty: none */
	unsigned long retry_after_s;   /* 0: not given */
	const struct headers *headers; /* that the rule adds; for table_headers() */
};

/* A rule as logs call it: "uk", and in a table "acme/uk". NUL-terminated. */
#define DECISION_LABEL_MAX 130 /* two names of 64 bytes */
struct slice decision_label(struct slice table, struct slice rule,
                            char buffer[DECISION_LABEL_MAX]);

/* Why, in words; NULL: a rule or the default says so. */
const char *decision_why(enum decision_cause cause);

/* One rule that a lookup looked at. */
struct considered {
	size_t index; /* in the file, from 0 */
	struct slice name;
	struct position position;
	bool matched;
	/* What failed: "called", "source", "not: caller"; NULL if it matched. */
	const char *criterion;
	struct slice wanted; /* that criterion as text: prefix "+44" */
	/* If the time of the call decided: "Fri 2026-12-25 10:00:00 +00:00 in
	 * Europe/London: office excepts 12-25"; else empty. */
	struct slice clocks;
};

struct ruleset;

#define PRICED_MAX 32 /* carriers of one choice */

/* What became of a carrier in a least-cost choice. */
enum priced_outcome {
	PRICED_OFFERED,
	PRICED_DOWN,       /* offered behind the others: all its gateways are down */
	PRICED_BEYOND_MAX, /* enough cheaper or better ones are offered */
	PRICED_DISABLED,   /* none of its gateways is in use */
	PRICED_UNFIT,      /* none of them may be offered to the request */
	PRICED_TOO_DEAR,   /* above the limit */
	PRICED_BLOCKED,    /* it takes no calls to the prefix */
	PRICED_NOWHERE,    /* it has no rate in force for the number */
};

struct priced {
	struct slice deck; /* its name */
	enum priced_outcome outcome;
	struct slice prefix; /* what follows: not with PRICED_NOWHERE */
	struct decimal rate;
	bool has_quality;
	struct decimal quality;
	struct slice destination, increment; /* empty: not given */
	struct decimal limit;                /* max_rate, with PRICED_TOO_DEAR */
};

/* Told of every rule considered, in the order in which they were. */
struct trace {
	void (*considered)(void *arg, const struct considered *considered);
	void *arg;
	/* Before, told whose rules are asked; may be NULL. */
	void (*chosen)(void *arg, const struct ruleset *ruleset);
	/* Behind, told of every carrier of a least-cost choice, those that are offered
	 * first and in order; may be NULL. */
	void (*priced)(void *arg, const struct priced *priced);
};

#endif
