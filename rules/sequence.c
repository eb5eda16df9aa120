/* SPDX-License-Identifier: MIT */
#include "rules/sequence.h"

#include <stdlib.h>

static bool add_rule(struct load *load, struct sequence *sequence,
                     const struct node *rule)
{
	if (sequence->full)
		return false;
	if (sequence->count == RULES_MAX) {
		sequence->full = true;
		return load_error(load, rule, NULL, "more than %u rules", RULES_MAX);
	}
	if (sequence->count == sequence->size) {
		size_t size = sequence->size ? 2 * sequence->size : 16;
		const struct node **rules =
			reallocarray(sequence->rules, size, sizeof(const struct node *));
		if (!rules)
			return load_memory(load);
		sequence->rules = rules;
		sequence->size = size;
	}
	sequence->rules[sequence->count++] = rule;
	return true;
}

/* node is what the file was named by, for findings. */
static bool add_included(struct load *load, struct sequence *sequence, struct file *file,
                         const struct node *node)
{
	char hint[DIAGS_HINT_MAX];
	if (file->taken_by != sequence->owner) {
		size_t before = sequence->count;
		file->taken_by = sequence->owner;
		file->taken_at = node->position;
		bool good = sequence_add_file(load, sequence, file);
		file->gave_rules = sequence->count > before;
		return good;
	}
	if (!file->gave_rules)
		return true;
	diags_hint(hint, "first included at %s:%u:%u", file->taken_at.file,
	           file->taken_at.line, file->taken_at.column);
	return load_error(load, node, hint,
	                  "the rules of \"%s\" stand here a second time", file->path);
}

static bool add_include(struct load *load, struct sequence *sequence,
                        const struct node *node)
{
	struct inclusion inclusion = files_included(sequence->files, node);
	bool good = true;
	for (size_t i = 0; i < inclusion.count; i++)
		good &= add_included(load, sequence, inclusion.files[i], node);
	return good;
}

bool sequence_add_file(struct load *load, struct sequence *sequence, struct file *file)
{
	bool good = !file->include || add_include(load, sequence, file->include);
	return (!file->rules || sequence_add_list(load, sequence, file->rules)) && good;
}

/* { include: … } in place of a rule. */
static bool is_include(const struct node *item)
{
	for (size_t i = 0; item->type == NODE_MAPPING && i < item->count; i++)
		if (slice_equal(item->pairs[i].key->text, slice_of("include")))
			return true;
	return false;
}

static bool add_item(struct load *load, struct sequence *sequence,
                     const struct node *item)
{
	static const struct field fields[] = {{"include", schema_keep, FIELD_REQUIRED}};
	const struct node *included;
	if (!is_include(item))
		return add_rule(load, sequence, item);
	return schema_read(load, item, "an include", fields, 1, &included) &&
	       add_include(load, sequence, included);
}

bool sequence_add_list(struct load *load, struct sequence *sequence,
                       const struct node *list)
{
	if (list->type != NODE_LIST)
		return load_error(load, list, "begin each rule with a dash",
		                  "\"rules\" must be a list of rules, not %s",
		                  node_type_name(list));
	bool good = true;
	for (size_t i = 0; i < list->count && !load->out_of_memory; i++)
		good &= add_item(load, sequence, list->items[i]);
	return good;
}

void sequence_free(struct sequence *sequence)
{
	free(sequence->rules);
}
