/* SPDX-License-Identifier: MIT */
#include "server/sip/contacts.h"

#include <string.h>

#include "rules/uri.h"

/* Another host settles it, and most targets are at one; what stands in brackets may be
 * the same address in other words. */
static bool may_be_equal(const struct target *target, const struct request *request)
{
	return slice_equal_nocase(target->host, request->host) ||
	       (target->host.len && target->host.at[0] == '[');
}

/* The URI without what is added to it on the way out: headers, which a Request-URI cannot
 * have (RFC 3261 19.1.1), and user=phone. Who follows it comes to the same place. */
static void strip(struct uri *uri)
{
	static const char phone[] = "user=phone";
	const size_t len = sizeof phone - 1;
	uri->headers = (struct slice){0};
	if (uri->params.len < len)
		return;
	struct slice before = {uri->params.at, uri->params.len - len};
	if (slice_equal_nocase(slice_skip(uri->params, before.len), slice_of(phone)) &&
	    (!before.len || before.at[before.len - 1] == ';'))
		uri->params.len = before.len ? before.len - 1 : 0;
}

/* RFC 3261 19.1.4 */
static bool is_equal(const struct target *target, const struct request *request)
{
	struct uri mine, asked;
	const char *why;
	size_t at;
	if (!may_be_equal(target, request) ||
	    !uri_parse(request->uri, &asked, &why, &at) ||
	    !uri_parse(target->uri, &mine, &why, &at))
		return false;
	if (uri_equal(&mine, &asked))
		return true;
	strip(&mine);
	return uri_equal(&mine, &asked);
}

static bool is_sips(struct slice uri)
{
	uri.len = slice_find(uri, ':');
	return slice_equal_nocase(uri, slice_of("sips"));
}

bool contacts_take(const void *request, const struct target *target)
{
	const struct request *asked = request;
	if (asked->scheme == SCHEME_SIPS && !is_sips(target->uri))
		return false;
	return !is_equal(target, asked);
}

static char *put(char *to, const char *text, size_t len)
{
	return (char *)memcpy(to, text, len) + len;
}

struct slice contacts_write(const struct decision *decision, size_t count, bool with_q,
                            char to[CONTACTS_TEXT_MAX])
{
	static const char q[DECISION_TARGETS_MAX][8] = {
		">;q=1.0", ">;q=0.9", ">;q=0.8", ">;q=0.7", ">;q=0.6",
		">;q=0.5", ">;q=0.4", ">;q=0.3", ">;q=0.2", ">;q=0.1"};
	char *end = to;
	for (size_t i = 0; i < count && i < decision->target_count; i++) {
		struct slice uri = decision->targets[i].uri;
		end = i ? put(end, ", <", 3) : put(end, "<", 1);
		end = put(end, uri.at, uri.len);
		end = put(end, q[i], with_q ? 7 : 1);
	}
	return (struct slice){to, (size_t)(end - to)};
}
