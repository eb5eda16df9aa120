/* SPDX-License-Identifier: MIT */
#include "rules/dialect.h"

#include <stddef.h>

#include "rules/decision.h"
#include "rules/schema.h"

/* RFC 3261 18.1.1: what a path of unknown MTU carries whole. */
#define UDP_BYTES 1300
#define BYTES_MIN 500
#define BYTES_MAX 65507

enum { UNIVERSAL, ASTERISK, FREESWITCH, FIRST_ONLY, PRESETS };

static const char *const names[PRESETS] = {
	[UNIVERSAL] = "universal",
	[ASTERISK] = "asterisk",
	[FREESWITCH] = "freeswitch",
	[FIRST_ONLY] = "first-only",
};

#define ALL DECISION_TARGETS_MAX

static const struct dialect presets[PRESETS] = {
	/*               status, max_contacts, q, user_phone, embedded, max_bytes */
	[UNIVERSAL] = {302, ALL, true, false, true, UDP_BYTES},
	/* By q; takes embedded headers but those of the dialog. */
	[ASTERISK] = {302, ALL, true, false, true, UDP_BYTES},
	/* The first listed; q and headers would become part of what it dials. */
	[FREESWITCH] = {302, ALL, false, false, false, UDP_BYTES},
	/* Phones and gateways that look at nothing but the first URI, and copy it. */
	[FIRST_ONLY] = {302, 1, false, false, false, UDP_BYTES},
};

const struct dialect dialect_universal = {302, ALL, true, false, true, UDP_BYTES};

static bool read_status(struct load *load, const struct node *node, void *into)
{
	struct dialect *dialect = into;
	unsigned long status;
	if (!schema_number(load, node, "status", 300, 302, &status))
		return false;
	dialect->status = (unsigned)status;
	return true;
}

static bool read_max_contacts(struct load *load, const struct node *node, void *into)
{
	struct dialect *dialect = into;
	return schema_number(load, node, "max_contacts", 1, DECISION_TARGETS_MAX,
	                     &dialect->max_contacts);
}

static bool read_q(struct load *load, const struct node *node, void *into)
{
	return schema_bool(load, node, "q", &((struct dialect *)into)->q);
}

static bool read_user_phone(struct load *load, const struct node *node, void *into)
{
	return schema_bool(load, node, "user_phone",
	                   &((struct dialect *)into)->user_phone);
}

static bool read_embedded(struct load *load, const struct node *node, void *into)
{
	return schema_bool(load, node, "embedded", &((struct dialect *)into)->embedded);
}

static bool read_max_bytes(struct load *load, const struct node *node, void *into)
{
	struct dialect *dialect = into;
	return schema_number(load, node, "max_bytes", BYTES_MIN, BYTES_MAX,
	                     &dialect->max_bytes);
}

static bool read_preset(struct load *load, const struct node *node, const char *what,
                        struct dialect *dialect)
{
	size_t preset;
	if (!schema_choice(load, node, what, names, PRESETS, &preset))
		return false;
	*dialect = presets[preset];
	return true;
}

/* Read already, before the others. */
static bool skip_preset(struct load *load, const struct node *node, void *into)
{
	(void)load, (void)node, (void)into;
	return true;
}

static const struct node *find_preset(const struct node *mapping)
{
	for (size_t i = 0; mapping->type == NODE_MAPPING && i < mapping->count; i++)
		if (slice_equal(mapping->pairs[i].key->text, slice_of("preset")))
			return mapping->pairs[i].value;
	return NULL;
}

bool dialect_read(struct load *load, const struct node *node, void *into)
{
	static const struct field fields[] = {{"preset", skip_preset, 0},
	                                      {"status", read_status, 0},
	                                      {"max_contacts", read_max_contacts, 0},
	                                      {"q", read_q, 0},
	                                      {"user_phone", read_user_phone, 0},
	                                      {"embedded", read_embedded, 0},
	                                      {"max_bytes", read_max_bytes, 0}};
	struct dialect *dialect = into;
	const struct node *preset = find_preset(node);
	*dialect = dialect_universal;
	if (node->type == NODE_SCALAR)
		return read_preset(load, node, "dialect", dialect);
	bool good = !preset || read_preset(load, preset, "preset", dialect);
	return schema_read(load, node, "\"dialect\"", fields,
	                   sizeof fields / sizeof fields[0], dialect) &&
	       good;
}
