/* SPDX-License-Identifier: MIT */
#include "server/settings/logging.h"

#include <string.h>
#include <sys/un.h>

#include "rules/path.h"

#define SYSLOG_PATH "/dev/log"
#define SYSLOG      "syslog:"
#define MIRROR_PORT 9060

/* The log */

/* "1/100" */
static bool read_fraction(struct slice text, unsigned long *one_in)
{
	struct slice number = slice_skip(text, 2);
	return slice_begins(text, slice_of("1/")) && number.len && number.at[0] != '0' &&
	       slice_number(number, LOG_ONE_IN_MAX, one_in);
}

static bool read_calls(struct load *load, const struct node *node, void *into)
{
	static const char *const names[] = {[LOG_CALLS_ALL] = "all",
	                                    [LOG_CALLS_REJECTED] = "rejected",
	                                    [LOG_CALLS_NONE] = "none"};
	struct settings *settings = into;
	size_t choice = LOG_CALLS_SAMPLED;
	if (node->type == NODE_SCALAR && slice_begins(node->text, slice_of("1/"))) {
		if (!read_fraction(node->text, &settings->log_one_in))
			return load_error(load, node, "write 1/100",
			                  "\"%s\" is no fraction from 1/1 to 1/%d",
			                  node->text.at, LOG_ONE_IN_MAX);
	} else if (!schema_choice(load, node, "calls", names, 3, &choice)) {
		return false;
	}
	settings->log_calls = (enum log_calls)choice;
	return true;
}

static bool read_format(struct load *load, const struct node *node, void *into)
{
	static const char *const names[] = {
		[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};
	struct settings *settings = into;
	size_t choice;
	if (!schema_choice(load, node, "format", names, 2, &choice))
		return false;
	settings->log_format = (enum log_format)choice;
	return true;
}

static bool read_socket(struct load *load, const struct node *node,
                        struct settings *settings)
{
	struct slice path = slice_skip(node->text, strlen(SYSLOG));
	if (path.len == 0 || path.at[0] != '/')
		return load_error(load, node, "write syslog:/run/log, or just syslog",
		                  "\"%s\" is no absolute path of a socket", path.at);
	if (path.len >= sizeof((struct sockaddr_un *)NULL)->sun_path)
		return load_error(load, node, NULL,
		                  "a socket's path has at most %zu bytes",
		                  sizeof((struct sockaddr_un *)NULL)->sun_path - 1);
	settings->log_path = path.at;
	return true;
}

static bool read_to(struct load *load, const struct node *node, void *into)
{
	struct settings *settings = into;
	struct slice text;
	if (!schema_text(load, node, "to", &text))
		return false;
	settings->log_position = node->position;
	if (slice_equal(text, slice_of("stderr")))
		return true;
	settings->log_to = LOG_TO_SYSLOG;
	settings->log_path = SYSLOG_PATH;
	if (slice_equal(text, slice_of("syslog")))
		return true;
	if (slice_begins(text, slice_of(SYSLOG)))
		return read_socket(load, node, settings);
	settings->log_to = LOG_TO_FILE;
	return path_read(load, node, "to", &settings->log_path);
}

bool logging_read(struct load *load, const struct node *node, struct settings *settings)
{
	static const struct field fields[] = {
		{"calls", read_calls, 0}, {"format", read_format, 0}, {"to", read_to, 0}};
	settings->log_position = node->position;
	return schema_read(load, node, "log", fields, 3, settings);
}

static bool goes_to(const struct settings *settings, const struct settings *other)
{
	return settings->log_to == other->log_to &&
	       (!settings->log_path || strcmp(settings->log_path, other->log_path) == 0);
}

bool logging_keep_fixed(struct load *load, const struct settings *old,
                        struct settings *new)
{
	static const char *const names[] = {
		[LOG_TO_FILE] = "a file", [LOG_TO_SYSLOG] = "syslog"};
	if (new->log_to == LOG_TO_STDERR || goes_to(new, old) ||
	    (new->log_to == LOG_TO_FILE &&new->log_first == LOG_TO_FILE))
		return true;
	load_warning(load, new->log_position, NULL,
	             "the log cannot go to %s while the server runs: restart it",
	             names[new->log_to]);
	new->log_to = old->log_to;
	new->log_path = NULL;
	if (old->log_path)
		new->log_path = arena_copy(load->arena, slice_of(old->log_path)).at;
	return !old->log_path || new->log_path || load_memory(load);
}

/* The mirror */

static bool has_port(struct slice text)
{
	return text.at[text.len - 1] != ']' && slice_find(text, ':') < text.len;
}

static bool parse_mirror_to(struct slice text, struct endpoint *to, const char **why)
{
	char udp[ENDPOINT_TEXT_MAX + sizeof "udp:"];
	*why = "it is too long";
	if (text.len > ENDPOINT_TEXT_MAX)
		return false;
	memcpy(stpcpy(udp, "udp:"), text.at, text.len + 1);
	if (!endpoint_parse(slice_of(udp), to, why))
		return false;
	if (!has_port(text))
		to->port = MIRROR_PORT;
	*why = "nobody is there";
	return !address_is_any(&to->address);
}

static bool read_mirror_to(struct load *load, const struct node *node, void *into)
{
	struct settings *settings = into;
	struct slice text;
	const char *why;
	if (!schema_text(load, node, "to", &text))
		return false;
	return parse_mirror_to(text, &settings->mirror_to, &why) ||
	       load_error(load, node, "write 192.0.2.1:9060 or \"[2001:db8::1]:9060\"",
	                  "\"%s\" is no address to send to: %s", text.at, why);
}

static bool read_mirror_id(struct load *load, const struct node *node, void *into)
{
	return schema_number(load, node, "id", 0, UINT32_MAX,
	                     &((struct settings *)into)->mirror_id);
}

bool logging_read_mirror(struct load *load, const struct node *node,
                         struct settings *settings)
{
	static const struct field fields[] = {{"to", read_mirror_to, FIELD_REQUIRED},
	                                      {"id", read_mirror_id, FIELD_REQUIRED}};
	settings->mirrors = true;
	return schema_read(load, node, "hep", fields, 2, settings);
}
