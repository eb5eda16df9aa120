/* SPDX-License-Identifier: MIT */
#include "rules/parameter_rewrite.h"

/* Reading */

static bool read_template(struct load *load, const struct node *node, const char *what,
                          struct template *out)
{
	if (node->type != NODE_SCALAR)
		return load_error(load, node, NULL, "\"%s\" must be a text, not %s", what,
		                  node_type_name(node));
	if (node->plain && !node->text.len)
		return load_error(load, node, "write \"\" to take it away",
		                  "\"%s\" must not be empty", what);
	struct slice text = arena_copy(load->arena, node->text);
	if (!text.at)
		return load_memory(load);
	if (text.len > PARAMETER_MAX)
		return load_error(load, node, NULL, "\"%s\" is longer than %d bytes",
		                  what, PARAMETER_MAX);
	return template_parse(load, node, text, TEMPLATE_PLAIN, out);
}

static bool read_number(struct load *load, const struct node *node, const char *what,
                        struct template *out)
{
	char buffer[PARAMETER_MAX];
	struct slice number;
	if (!read_template(load, node, what, out))
		return false;
	if (slice_find(node->text, '{') == node->text.len &&
	    !parameters_clean_number(node->text, buffer, &number))
		return load_error(load, node,
		                  "write digits and A to F, for example +1288",
		                  "\"%s\" is no %s", node->text.at, what);
	return true;
}

bool parameter_rewrite_rn(struct load *load, const struct node *node, void *into)
{
	return read_number(load, node, "rn", &((struct parameter_rewrite *)into)->rn);
}

bool parameter_rewrite_cic(struct load *load, const struct node *node, void *into)
{
	return read_number(load, node, "cic", &((struct parameter_rewrite *)into)->cic);
}

bool parameter_rewrite_tgrp(struct load *load, const struct node *node, void *into)
{
	return read_template(load, node, "tgrp",
	                     &((struct parameter_rewrite *)into)->tgrp);
}

bool parameter_rewrite_trunk_context(struct load *load, const struct node *node,
                                     void *into)
{
	return read_template(load, node, "trunk_context",
	                     &((struct parameter_rewrite *)into)->trunk_context);
}

bool parameter_rewrite_npdi(struct load *load, const struct node *node, void *into)
{
	struct parameter_rewrite *rewrite = into;
	rewrite->npdi_given = true;
	return schema_bool(load, node, "npdi", &rewrite->npdi);
}

bool parameter_rewrite_check(struct load *load, const struct node *node,
                             const struct parameter_rewrite *rewrite)
{
	if (!rewrite->tgrp.pieces == !rewrite->trunk_context.pieces)
		return true;
	return load_error(load, node, "RFC 4904 5: one without the other says nothing",
	                  "\"tgrp\" and \"trunk_context\" go together");
}

/* Applying */

static struct slice fill(const struct template *template,
                         const struct template_values *values, char to[PARAMETER_MAX])
{
	struct writer writer = {to, PARAMETER_MAX, 0, false};
	template_write(template, values, &writer);
	if (writer.full)
		writer.len = 0;
	return writer_since(&writer, 0);
}

/* False if the rewriting does not speak of this number. */
static bool fill_number(const struct template *template,
                        const struct template_values *values, char to[PARAMETER_MAX],
                        struct slice *out)
{
	char raw[PARAMETER_MAX];
	if (!template->pieces)
		return false;
	if (!parameters_clean_number(fill(template, values, raw), to, out))
		out->len = 0;
	return true;
}

void parameter_rewrite_apply(const struct parameter_rewrite *rewrite,
                             const struct template_values *values, bool kept,
                             char buffer[PARAMETERS_MAX], struct parameters *out)
{
	static const struct parameter_rewrite nothing;
	const struct facts *facts = values->facts;
	*out = (struct parameters){0};
	if (!rewrite)
		rewrite = &nothing;
	if (!fill_number(&rewrite->rn, values, buffer, &out->rn) && kept) {
		out->rn = facts->rn;
		out->rn_context = facts->rn_context;
	}
	if (!fill_number(&rewrite->cic, values, buffer + PARAMETER_MAX, &out->cic) &&
	    kept) {
		out->cic = facts->cic;
		out->cic_context = facts->cic_context;
	}
	out->npdi = rewrite->npdi_given ? rewrite->npdi : kept && facts->npdi;
	if (!rewrite->tgrp.pieces)
		return;
	out->tgrp = fill(&rewrite->tgrp, values, buffer + 2 * PARAMETER_MAX);
	out->trunk_context =
		fill(&rewrite->trunk_context, values, buffer + 3 * PARAMETER_MAX);
}
