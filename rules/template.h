/* SPDX-License-Identifier: MIT */
/* template.h - texts with placeholders: taken apart when the table is read, filled in for
 * each call.
 *
 *     "Alice" <sip:{caller}@example.net>
 *     └ literal ──┘└ caller┘└ literal ──┘
 *
 * Each placeholder is escaped as the place it stands in asks for, so that no value, with
 * whatever bytes, can end that place or begin a new line.
 */
#ifndef RULES_TEMPLATE_H
#define RULES_TEMPLATE_H

#include "rules/decision.h"
#include "rules/facts.h"
#include "rules/writer.h"

struct load;
struct node;

/* Where a text goes. */
enum template_place {
	/* The user part of a SIP URI (RFC 3261 25.1). Literals are written as they
	 * stand: whoever reads the URI has checked them. */
	TEMPLATE_USER,
	/* The value of a header field. In quotes " and \ of a value get their backslash;
	 * in angle brackets values are escaped as parts of a URI; beside them what would
	 * need quotes becomes ?; control characters become blanks, and what is no UTF-8
	 * becomes ?. */
	TEMPLATE_HEADER,
	/* The value of a header in a SIP URI: that of a header field, and all of it
	 * escaped once more (RFC 3261 19.1.1, hvalue). */
	TEMPLATE_URI_HEADER,
	/* As they are, for whoever looks at the result before using it. */
	TEMPLATE_PLAIN,
};

struct template_piece;

struct template
{
	size_t piece_count;
	const struct template_piece *pieces;
};

/* What placeholders stand for in one call. */
struct template_values {
	const struct facts *facts;
	struct slice called; /* after rewriting */
	struct slice rule, gateway;
	struct slice asked;    /* the called number as number tables see it */
	const struct row *row; /* that the rule has found; NULL: none */
};

/* Takes text, which lives as long as the table, apart; node is where findings point. An
 * unknown placeholder is one. */
bool template_parse(struct load *load, const struct node *node, struct slice text,
                    enum template_place place, struct template *out);

/* The placeholder {called} alone. */
extern const struct template template_called;

/* True if {called} is among the placeholders. */
bool template_has_called(const struct template *template);

/* Fills the placeholders in. */
void template_write(const struct template *template, const struct template_values *values,
                    struct writer *writer);

/* True if there are placeholders, and the values of all of them are empty. */
bool template_is_empty(const struct template *template,
                       const struct template_values *values);

#endif
