/* SPDX-License-Identifier: MIT */
#include "server/sip/priority.h"

#include <string.h>

/* RFC 4412 3.1: namespace and priority, without case. The namespaces are those of 12.6
 * there, and RFC 7135's. Three of them have a routine, which may be on every call. */
static bool is_priority(struct slice value)
{
	static const char *const routines[] = {"dsn.routine", "drsn.routine", "q735.4"};
	static const char *const namespaces[] = {"esnet.", "ets.",  "wps.",
	                                         "dsn.",   "drsn.", "q735."};
	for (size_t i = 0; i < sizeof routines / sizeof routines[0]; i++)
		if (slice_equal_nocase(value, slice_of(routines[i])))
			return false;
	for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++) {
		size_t len = strlen(namespaces[i]);
		if (value.len > len && slice_folds(value.at, namespaces[i], len))
			return true;
	}
	return false;
}

bool priority_is_asked(const struct message *message)
{
	for (size_t i = 0; i < message->field_count; i++) {
		struct slice rest = message->fields[i].value;
		if (!field_is(&message->fields[i], slice_of("Resource-Priority")))
			continue;
		while (rest.len) {
			struct slice value = {rest.at, slice_find(rest, ',')};
			if (is_priority(slice_trim(value)))
				return true;
			rest = slice_skip(rest, value.len + 1);
		}
	}
	return false;
}
