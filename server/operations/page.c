/* SPDX-License-Identifier: MIT */
#include "server/operations/page.h"

#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "rules/list.h"
#include "server/commands/route.h"
#include "server/operations/operations.h"

/* The file as it is, put into the program by the assembler, with a NUL behind it. */
__asm__(".pushsection .rodata\n"
        ".globl page_html\n"
        "page_html: .incbin \"server/operations/page.html\"\n"
        ".byte 0\n"
        ".popsection\n");
extern const char page_html[];

#define HASH_TEXT_BYTES                                                                  \
	sodium_base64_ENCODED_LEN(crypto_hash_sha256_BYTES,                              \
	                          sodium_base64_VARIANT_ORIGINAL)

static char policy[512];

/* What stands between two texts, of which the page has one each. */
static struct slice between(const char *before, const char *behind)
{
	const char *start = strstr(page_html, before);
	const char *end = start ? strstr(start, behind) : NULL;
	if (!end)
		return (struct slice){0};
	start += strlen(before);
	return (struct slice){start, (size_t)(end - start)};
}

/* As a Content-Security-Policy names it (CSP 3, 6.7.3.3). */
static const char *hash(struct slice text, char to[HASH_TEXT_BYTES])
{
	unsigned char digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(digest, (const unsigned char *)text.at, text.len);
	return sodium_bin2base64(to, HASH_TEXT_BYTES, digest, sizeof digest,
	                         sodium_base64_VARIANT_ORIGINAL);
}

bool page_init(void)
{
	char script[HASH_TEXT_BYTES], style[HASH_TEXT_BYTES];
	if (sodium_init() < 0)
		return false;
	snprintf(policy, sizeof policy,
	         "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; "
	         "connect-src 'self'; base-uri 'none'; form-action 'none'; "
	         "frame-ancestors 'none'",
	         hash(between("<script>", "</script>"), script),
	         hash(between("<style>", "</style>"), style));
	return true;
}

void page_write(void *arg, struct slice query, struct http_page *page)
{
	(void)arg;
	(void)query;
	page->type = "text/html; charset=utf-8";
	page->policy = policy;
	fputs(page_html, page->body);
}

/* Queries */

/* False, and 400, if it is broken; else evhttp_clear_headers() frees it. */
static bool read_query(struct slice query, struct evkeyvalq *words,
                       struct http_page *page)
{
	char *text = strndup(query.at ? query.at : "", query.len);
	bool good = text && evhttp_parse_query_str(text, words) == 0;
	free(text);
	if (good)
		return true;
	page->status = 400;
	fputs("the query is broken\n", page->body);
	return false;
}

/* NULL: not given, or empty, as a form sends it. */
static const char *find_word(const struct evkeyvalq *words, const char *name)
{
	const char *value = evhttp_find_header(words, name);
	return value && *value ? value : NULL;
}

void page_write_rules(void *arg, struct slice query, struct http_page *page)
{
	const struct operations *operations = arg;
	struct evkeyvalq words;
	unsigned long from = 0;
	if (!read_query(query, &words, page))
		return;
	const char *text = find_word(&words, "from");
	if (text && !slice_number(slice_of(text), INT32_MAX, &from)) {
		page->status = 400;
		fputs("from: a whole number\n", page->body);
	} else {
		const struct configuration *configuration =
			snapshot_acquire(operations->snapshot);
		page->type = "text/tab-separated-values; charset=utf-8";
		list_write_part(configuration->table, from, PAGE_RULES_MAX, page->body);
		snapshot_release(operations->snapshot, configuration);
	}
	evhttp_clear_headers(&words);
}

void page_write_route(void *arg, struct slice query, struct http_page *page)
{
	const struct operations *operations = arg;
	struct evkeyvalq words;
	if (!read_query(query, &words, page))
		return;
	struct question question = {.call = find_word(&words, "called"),
	                            .caller = find_word(&words, "caller"),
	                            .peer = find_word(&words, "peer"),
	                            .source = find_word(&words, "source"),
	                            .at = find_word(&words, "at")};
	if (question.call) {
		const struct configuration *configuration =
			snapshot_acquire(operations->snapshot);
		route_write(configuration, &question, operations->keys, page->body,
		            page->body);
		snapshot_release(operations->snapshot, configuration);
	} else {
		page->status = 400;
		fputs("called: whom?\n", page->body);
	}
	evhttp_clear_headers(&words);
}
