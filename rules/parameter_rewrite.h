/* SPDX-License-Identifier: MIT */
/* parameter_rewrite.h - rn, npdi, cic, tgrp and trunk_context of `rewrite`: the
 * parameters of the called number as the gateways get them. */
#ifndef RULES_PARAMETER_REWRITE_H
#define RULES_PARAMETER_REWRITE_H

#include "rules/parameters.h"
#include "rules/rule.h"

/* Readers for schema rows; into is a struct parameter_rewrite. */
schema_reader parameter_rewrite_rn, parameter_rewrite_npdi, parameter_rewrite_cic,
	parameter_rewrite_tgrp, parameter_rewrite_trunk_context;

/* Checks what they say together; node is their mapping. */
bool parameter_rewrite_check(struct load *load, const struct node *node,
                             const struct parameter_rewrite *rewrite);

/* What is written behind the called number. rewrite may be NULL. kept: it is the number
 * that was dialled, so rn, npdi and cic of the request, which are about that number, go
 * on unless rewritten. A rn or cic that comes out as no number is left out. Texts point
 * into buffer or into the facts. */
void parameter_rewrite_apply(const struct parameter_rewrite *rewrite,
                             const struct template_values *values, bool kept,
                             char buffer[PARAMETERS_MAX], struct parameters *out);

#endif
