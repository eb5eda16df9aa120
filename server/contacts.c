/* SPDX-License-Identifier: MIT */
#include "server/contacts.h"

#include <stdio.h>

#include "rules/uri.h"

static bool may_offer(struct slice target, const struct request *request,
                      const struct uri *request_uri)
{
	struct uri uri;
	const char *why;
	size_t at;
	if (!uri_parse(target, &uri, &why, &at))
		return false;
	if (request->scheme == SCHEME_SIPS && !uri.sips)
		return false;
	return !request_uri || !uri_equal(&uri, request_uri);
}

size_t contacts_filter(struct decision *decision, const struct request *request)
{
	struct uri uri;
	const char *why;
	size_t at, kept = 0;
	bool known = uri_parse(request->uri, &uri, &why, &at);
	for (size_t i = 0; i < decision->target_count; i++)
		if (may_offer(decision->targets[i].uri, request, known ? &uri : NULL))
			decision->targets[kept++] = decision->targets[i];
	return decision->target_count = kept;
}

struct slice contacts_write(const struct decision *decision, size_t count,
                            char to[CONTACTS_TEXT_MAX])
{
	size_t len = 0;
	for (size_t i = 0; i < count && i < decision->target_count; i++) {
		struct slice uri = decision->targets[i].uri;
		size_t tenths = 10 - i;
		int written = snprintf(to + len, CONTACTS_TEXT_MAX - len,
		                       "%s<%.*s>;q=%zu.%zu", i ? ", " : "", (int)uri.len,
		                       uri.at, tenths / 10, tenths % 10);
		len += (size_t)written;
	}
	return (struct slice){to, len};
}
