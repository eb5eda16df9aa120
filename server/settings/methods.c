/* SPDX-License-Identifier: MIT */
#include "server/settings/methods.h"

#include <string.h>

#define METHOD_BYTES_MAX 32

struct reading {
	struct settings *settings;
	struct position named[METHODS_MAX]; /* where each method was */
};

/* Methods are compared by case (RFC 3261 7.1): "invite" would never come. */
static void warn_of_case(struct load *load, const struct node *node, struct slice text)
{
	char upper[METHOD_BYTES_MAX + 1] = "", hint[DIAGS_HINT_MAX];
	for (size_t i = 0; i < text.len; i++) {
		bool lower = text.at[i] >= 'a' && text.at[i] <= 'z';
		upper[i] = (char)(lower ? text.at[i] - 'a' + 'A' : text.at[i]);
	}
	if (!slice_equal(text, slice_of(upper)))
		load_warning(
			load, node->position, diags_hint(hint, "did you mean %s?", upper),
			"methods are compared by case, and \"%s\" is not in capitals",
			text.at);
}

static bool check_method(struct load *load, const struct node *node, struct slice text)
{
	static const char *const own[] = {"ACK", "CANCEL", "OPTIONS"};
	if (text.len > METHOD_BYTES_MAX || slice_token(text) < text.len)
		return load_error(load, node, NULL, "\"%s\" is no method", text.at);
	for (size_t i = 0; i < 3; i++) {
		if (slice_equal(text, slice_of(own[i])))
			return load_error(load, node,
			                  "leave it out: it is always dealt with",
			                  "%s cannot be redirected", own[i]);
	}
	return true;
}

static bool read_method(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	struct settings *settings = reading->settings;
	struct slice text;
	char hint[DIAGS_HINT_MAX];
	if (!schema_text(load, node, "methods", &text) || !check_method(load, node, text))
		return false;
	for (size_t i = 0; i < settings->method_count; i++) {
		struct position first = reading->named[i];
		if (slice_equal(text, settings->methods[i]))
			return load_error(load, node,
			                  diags_hint(hint, "first at %s:%u:%u",
			                             first.file, first.line,
			                             first.column),
			                  "method \"%s\" is named twice", text.at);
	}
	if (settings->method_count == METHODS_MAX)
		return load_error(load, node, NULL, "there are more than %d methods",
		                  METHODS_MAX);
	warn_of_case(load, node, text);
	reading->named[settings->method_count] = node->position;
	settings->methods[settings->method_count++] = text;
	return true;
}

bool methods_read(struct load *load, const struct node *node, struct settings *settings)
{
	struct reading reading = {.settings = settings};
	settings->method_count = 0;
	return schema_each(load, node, "methods", read_method, &reading);
}

/* An INVITE is followed by an ACK, which is taken in silence but has to be allowed. */
bool methods_allow(struct load *load, struct settings *settings)
{
	char *allow = arena_alloc(load->arena, METHODS_MAX * (METHOD_BYTES_MAX + 2) + 32);
	if (!allow)
		return load_memory(load);
	bool invite = false;
	for (size_t i = 0; i < settings->method_count; i++) {
		strcat(strcat(allow, settings->methods[i].at), ", ");
		invite |= slice_equal(settings->methods[i], slice_of("INVITE"));
	}
	settings->allow =
		strcat(allow, invite ? "ACK, CANCEL, OPTIONS" : "CANCEL, OPTIONS");
	return true;
}
