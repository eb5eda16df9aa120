/* SPDX-License-Identifier: MIT */
/* parameters.h - what stands behind a telephone number in a URI: number portability
 * (RFC 4694) and trunk groups (RFC 4904).
 *
 *     +1-202-555-0100;npdi;rn=+1-202-555-0199
 *     +12025550100;tgrp=tg-1;trunk-context=example.net
 */
#ifndef RULES_PARAMETERS_H
#define RULES_PARAMETERS_H

#include "rules/facts.h"
#include "rules/writer.h"

#define PARAMETER_MAX  128 /* bytes of one, cleaned; a longer one counts as not given */
#define PARAMETERS_MAX (6 * PARAMETER_MAX)

/* Reads the parameters of a user part, or of what follows "tel:", that number_clean()
 * takes for a telephone number; telephone as there. Of several with one name the first
 * counts, and a rn or cic that is no number does not. What facts get points into buffer,
 * or is empty. */
void parameters_read(struct slice user, bool telephone, char buffer[PARAMETERS_MAX],
                     struct facts *facts);

/* Those of one number. Empty: not given. */
struct parameters {
	struct slice rn, rn_context, cic, cic_context, tgrp, trunk_context;
	bool npdi;
};

/* Writes them, each with its ;, in the order that RFC 3966 3 gives them. Of a trunk group
 * both parts are written or none. */
void parameters_write(const struct parameters *parameters, struct writer *writer);

/* The comparable form of a routing number or a carrier's code: without blanks and visual
 * separators, A-F in upper case, a + in front if it has one. False if it is anything else
 * or too long. An empty text stays one. */
bool parameters_clean_number(struct slice text, char buffer[PARAMETER_MAX],
                             struct slice *out);

/* The comparable form of a trunk group or its context (RFC 3966 4): in lower case; of one
 * that begins with + without visual separators. False if it is too long. */
bool parameters_clean_label(struct slice text, char buffer[PARAMETER_MAX],
                            struct slice *out);

#endif
