/* SPDX-License-Identifier: MIT */
#include "rules/texts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/number.h"
#include "rules/numbertable.h"
#include "rules/parameters.h"
#include "rules/uri.h"

/* Reading */

/* One list that is being read: exact texts, prefixes or regexes. */
struct reading {
	const char *what;
	enum texts_form form;
	size_t count;
	struct slice *texts;
	const struct compiled_pattern **patterns;
};

bool texts_clean_host(struct slice text, char buffer[NUMBER_MAX], struct slice *out)
{
	struct address address;
	char name[ADDRESS_TEXT_MAX];
	if (text.len > NUMBER_MAX)
		return false;
	*out = (struct slice){buffer, text.len};
	if (slice_begins(text, slice_of("[")) && address_parse(text, &address)) {
		out->len = (size_t)snprintf(buffer, NUMBER_MAX, "[%s]",
		                            address_text(&address, name));
		return true;
	}
	if (text.len > 1 && text.at[text.len - 1] == '.')
		out->len--; /* RFC 1034 3.1: the root, which is always meant */
	for (size_t i = 0; i < out->len; i++)
		buffer[i] = text.at[i] >= 'A' && text.at[i] <= 'Z'
		                    ? (char)(text.at[i] + 32)
		                    : text.at[i];
	return true;
}

/* What cannot stand as the host of a Request-URI would never match. */
static bool is_host(struct slice text)
{
	char plain[NUMBER_MAX];
	int length =
		snprintf(plain, sizeof plain, "sip:%.*s",
	                 (int)(text.len < NUMBER_MAX ? text.len : NUMBER_MAX), text.at);
	struct uri uri;
	const char *why;
	size_t at;
	return (size_t)length < sizeof plain &&
	       uri_parse((struct slice){plain, (size_t)length}, &uri, &why, &at) &&
	       uri.host.len == text.len;
}

/* "UDP:[2001:DB8::1]:5060" → "udp:[2001:db8::1]:5060", as the server writes its
 * listeners. */
static bool clean_listener(struct slice text, char buffer[NUMBER_MAX], struct slice *out)
{
	static const struct {
		const char *name;
		unsigned long port;
	} transports[] = {{"udp", 5060}, {"tcp", 5060}, {"tls", 5061}};
	size_t colon = slice_find(text, ':');
	struct slice transport = {text.at, colon};
	unsigned long number = 0;
	const char *known = NULL;
	for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++)
		if (slice_equal_nocase(transport, slice_of(transports[i].name)))
			known = transports[i].name, number = transports[i].port;
	if (!known)
		return false;
	struct slice host = slice_skip(text, colon + 1);
	size_t end = host.len && host.at[0] == '[' ? slice_find(host, ']') + 1
	                                           : slice_find(host, ':');
	struct slice port = slice_skip(host, end);
	if (end > host.len ||
	    (port.len &&
	     (port.at[0] != ':' || !slice_number(slice_skip(port, 1), 65535, &number))))
		return false;
	struct address address;
	host.len = end;
	if (!address_parse(host, &address) || number == 0)
		return false;
	char name[ADDRESS_TEXT_MAX];
	address_text(&address, name);
	int length = snprintf(buffer, NUMBER_MAX,
	                      address_is_v4(&address) ? "%s:%s:%lu" : "%s:[%s]:%lu",
	                      known, name, number);
	*out = (struct slice){buffer, (size_t)length};
	return true;
}

static bool clean(struct load *load, const struct node *node,
                  const struct reading *reading, char buffer[NUMBER_MAX],
                  struct slice *out)
{
	switch (reading->form) {
	case TEXTS_PLAIN:
	case TEXTS_NAME:
		*out = node->text;
		return true;
	case TEXTS_NUMBER:
		return number_clean_written(node->text, buffer, out) ||
		       load_error(load, node, NULL, "\"%s\" is longer than %d bytes",
		                  reading->what, NUMBER_MAX);
	case TEXTS_HOST:
		return (is_host(node->text) &&
		        texts_clean_host(node->text, buffer, out)) ||
		       load_error(load, node,
		                  "write pbx.example.net, 192.0.2.1 or [2001:db8::1], "
		                  "without a port",
		                  "\"%s\" is no host", node->text.at);
	case TEXTS_DIGITS:
		return parameters_clean_number(node->text, buffer, out) ||
		       load_error(load, node,
		                  "write digits and A to F, for example +1288",
		                  "\"%s\" is no %s", node->text.at, reading->what);
	case TEXTS_LABEL:
		return parameters_clean_label(node->text, buffer, out) ||
		       load_error(load, node, NULL, "\"%s\" is longer than %d bytes",
		                  reading->what, PARAMETER_MAX);
	default:
		return clean_listener(node->text, buffer, out) ||
		       load_error(load, node,
		                  "write udp:192.0.2.1:5060 or tcp:[2001:db8::1]:5060",
		                  "listener \"%s\" is no transport, address and port",
		                  node->text.at);
	}
}

static bool read_text(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	char buffer[NUMBER_MAX];
	struct slice cleaned;
	if (node->type != NODE_SCALAR)
		return load_error(load, node, NULL, "\"%s\" must be a text, not %s",
		                  reading->what, node_type_name(node));
	/* Nothing behind the colon is more likely forgotten than meant. */
	if (node->plain && !node->text.len)
		return load_error(load, node, "write \"\" for an empty text",
		                  "\"%s\" must not be empty", reading->what);
	if (!clean(load, node, reading, buffer, &cleaned))
		return false;
	struct slice *text = &reading->texts[reading->count];
	*text = arena_copy(load->arena, cleaned);
	if (!text->at)
		return load_memory(load);
	reading->count++;
	return true;
}

const struct compiled_pattern *texts_pattern(struct load *load, const struct node *node,
                                             const char *what)
{
	struct table *table = ((struct table_load *)load)->table;
	struct slice text;
	char why[128];
	size_t offset;
	if (!schema_text(load, node, what, &text))
		return NULL;
	if (table->pattern_count++ == PATTERNS_MAX)
		load_error(load, node, "prefixes and exact numbers are faster",
		           "more than %d regexes", PATTERNS_MAX);
	if (table->pattern_count > PATTERNS_MAX)
		return NULL;
	struct compiled_pattern *pattern = arena_alloc(load->arena, sizeof *pattern);
	if (!pattern || !(pattern->text = arena_copy(load->arena, text)).at) {
		load_memory(load);
		return NULL;
	}
	pattern->pattern = pattern_new(text, why, &offset);
	if (!pattern->pattern) {
		load_error(load, node, NULL, "bad regex, at character %zu of it: %s",
		           offset + 1, why);
		return NULL;
	}
	pattern->next = table->patterns;
	table->patterns = pattern;
	return pattern;
}

static bool read_pattern(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	const struct compiled_pattern *pattern = texts_pattern(load, node, "regex");
	if (!pattern)
		return false;
	reading->patterns[reading->count++] = pattern;
	return true;
}

static int compare_slices(const void *left, const void *right)
{
	const struct slice *a = left, *b = right;
	size_t shorter = a->len < b->len ? a->len : b->len;
	int order = shorter ? memcmp(a->at, b->at, shorter) : 0;
	return order ? order : (a->len > b->len) - (a->len < b->len);
}

static bool read_list(struct load *load, const struct node *node, struct reading *reading,
                      schema_reader *read)
{
	size_t count = schema_each_count(node);
	reading->count = 0;
	reading->texts = arena_array(load->arena, count, sizeof *reading->texts);
	reading->patterns = arena_array(load->arena, count, sizeof *reading->patterns);
	if (!reading->texts || !reading->patterns)
		return load_memory(load);
	return schema_each(load, node, reading->what, read, reading);
}

/* The mapping form: {exact: …, prefix: …, regex: …}. */
struct forms {
	struct reading reading;
	struct text_match *match;
};

static bool read_exact(struct load *load, const struct node *node, void *into)
{
	struct forms *forms = into;
	if (!read_list(load, node, &forms->reading, read_text))
		return false;
	forms->match->exact = forms->reading.texts;
	forms->match->exact_count = forms->reading.count;
	qsort(forms->reading.texts, forms->reading.count, sizeof(struct slice),
	      compare_slices);
	return true;
}

static bool read_prefix(struct load *load, const struct node *node, void *into)
{
	struct forms *forms = into;
	if (!read_list(load, node, &forms->reading, read_text))
		return false;
	forms->match->prefix = forms->reading.texts;
	forms->match->prefix_count = forms->reading.count;
	qsort(forms->reading.texts, forms->reading.count, sizeof(struct slice),
	      compare_slices);
	return true;
}

static bool read_regex(struct load *load, const struct node *node, void *into)
{
	struct forms *forms = into;
	if (!read_list(load, node, &forms->reading, read_pattern))
		return false;
	forms->match->patterns = forms->reading.patterns;
	forms->match->pattern_count = forms->reading.count;
	return true;
}

static bool read_in(struct load *load, const struct node *node, void *into)
{
	struct forms *forms = into;
	return numbertable_read_in(load, node, forms->match);
}

bool texts_read(struct load *load, const struct node *node, const char *what,
                enum texts_form form, struct text_match *out)
{
	static const struct field fields[] = {
		{"exact", read_exact, 0},
		{"prefix", read_prefix, 0},
		{"regex", read_regex, 0},
		{"in", read_in, 0}, /* of numbers only */
	};
	struct forms forms = {{.what = what, .form = form}, out};
	if (node->type != NODE_MAPPING)
		return read_exact(load, node, &forms);
	if (form == TEXTS_HOST || form == TEXTS_LISTENER || form == TEXTS_NAME)
		return load_error(load, node, NULL,
		                  "\"%s\" must be a text or a list of texts", what);
	if (!node->count)
		return load_error(load, node,
		                  form == TEXTS_NUMBER
		                          ? "write one of exact, prefix, regex, in"
		                          : "write one of exact, prefix, regex",
		                  "\"%s\" says nothing to match", what);
	char name[80];
	snprintf(name, sizeof name, "\"%s\"", what);
	return schema_read(load, node, name, fields, form == TEXTS_NUMBER ? 4 : 3,
	                   &forms);
}

/* Matching */

static bool has(const struct slice *sorted, size_t count, struct slice text)
{
	return count && bsearch(&text, sorted, count, sizeof text, compare_slices);
}

/* How many of the sorted texts do not come after text. */
static size_t count_up_to(const struct slice *sorted, size_t count, struct slice text)
{
	size_t from = 0;
	while (from < count) {
		size_t middle = from + (count - from) / 2;
		if (compare_slices(&sorted[middle], &text) <= 0)
			from = middle + 1;
		else
			count = middle;
	}
	return from;
}

static size_t common_length(struct slice a, struct slice b)
{
	size_t len = 0;
	while (len < a.len && len < b.len && a.at[len] == b.at[len])
		len++;
	return len;
}

/* A prefix of text comes before it in order, and what stands between them begins with
 * that prefix as well. So look at the last one that does not come after text, then at the
 * last that does not come after what these two have in common, and so on. */
static bool has_prefix_of(const struct text_match *match, struct slice text)
{
	size_t count = match->prefix_count;
	while ((count = count_up_to(match->prefix, count, text)) > 0) {
		struct slice last = match->prefix[count - 1];
		if (slice_begins(text, last))
			return true;
		text.len = common_length(text, last);
	}
	return false;
}

enum pattern_result texts_match(const struct text_match *match, struct slice text,
                                struct pattern_space *space)
{
	if (has(match->exact, match->exact_count, text) || has_prefix_of(match, text))
		return PATTERN_YES;
	for (size_t i = 0; i < match->pattern_count; i++) {
		enum pattern_result result =
			pattern_match(match->patterns[i]->pattern, text, space);
		if (result != PATTERN_NO)
			return result;
	}
	return PATTERN_NO;
}

enum pattern_result texts_match_host(const struct text_match *match, struct slice host)
{
	char buffer[NUMBER_MAX];
	struct slice cleaned;
	return texts_clean_host(host, buffer, &cleaned) &&
	                       has(match->exact, match->exact_count, cleaned)
	               ? PATTERN_YES
	               : PATTERN_NO;
}

enum pattern_result texts_match_label(const struct text_match *match, struct slice label,
                                      struct pattern_space *space)
{
	char buffer[PARAMETER_MAX];
	struct slice cleaned;
	return parameters_clean_label(label, buffer, &cleaned)
	               ? texts_match(match, cleaned, space)
	               : PATTERN_NO;
}

/* Comparing */

static bool has_pattern(const struct text_match *match, struct slice text)
{
	for (size_t i = 0; i < match->pattern_count; i++)
		if (slice_equal(match->patterns[i]->text, text))
			return true;
	return false;
}

/* Every number table that inner asks. */
static bool has_tables(const struct text_match *outer, const struct text_match *inner)
{
	for (size_t i = 0; i < inner->table_count; i++) {
		size_t o = 0;
		while (o < outer->table_count && outer->tables[o] != inner->tables[i])
			o++;
		if (o == outer->table_count)
			return false;
	}
	return true;
}

bool texts_cover(const struct text_match *outer, const struct text_match *inner)
{
	if (has_prefix_of(outer, (struct slice){0}))
		return true;
	for (size_t i = 0; i < inner->exact_count; i++)
		if (!has(outer->exact, outer->exact_count, inner->exact[i]) &&
		    !has_prefix_of(outer, inner->exact[i]))
			return false;
	for (size_t i = 0; i < inner->prefix_count; i++)
		if (!has_prefix_of(outer, inner->prefix[i]))
			return false;
	for (size_t i = 0; i < inner->pattern_count; i++)
		if (!has_pattern(outer, inner->patterns[i]->text))
			return false;
	return has_tables(outer, inner);
}

bool texts_include(const struct text_match *outer, const struct text_match *inner)
{
	for (size_t i = 0; i < inner->exact_count; i++)
		if (!has(outer->exact, outer->exact_count, inner->exact[i]))
			return false;
	for (size_t i = 0; i < inner->prefix_count; i++)
		if (!has(outer->prefix, outer->prefix_count, inner->prefix[i]))
			return false;
	bool all = has(outer->prefix, outer->prefix_count, (struct slice){0});
	for (size_t i = 0; i < inner->pattern_count && !all; i++)
		if (!has_pattern(outer, inner->patterns[i]->text))
			return false;
	return has_tables(outer, inner);
}

/* Describing */

/* The first len bytes without half a character at their end. */
static size_t whole_characters(const char *text, size_t len)
{
	size_t whole = 0, next;
	while ((next = slice_utf8((struct slice){text + whole, len - whole})) > 0)
		whole += next;
	return whole;
}

/* Copies what fits of text to at; returns where the whole of it ends. */
static size_t put(struct texts_words *words, size_t at, struct slice text)
{
	size_t room = at < TEXTS_WORDS_MAX ? TEXTS_WORDS_MAX - at : 0;
	size_t len = text.len < room ? text.len : room;
	if (len)
		memcpy(words->text + at, text.at, len);
	return at + text.len;
}

static void put_word(struct texts_words *words, struct slice before, struct slice word,
                     struct slice quote)
{
	size_t end = words->len;
	if (words->cut)
		return;
	if (words->len)
		end = put(words, end, slice_of(", "));
	if (before.len) {
		end = put(words, end, before);
		end = put(words, end, slice_of(" "));
	}
	end = put(words, end, quote);
	end = put(words, end, word);
	end = put(words, end, quote);
	words->cut = end >= TEXTS_WORDS_MAX;
	if (!words->cut)
		words->len = end;
	else if (!words->len) /* better a part of it than nothing */
		words->len = whole_characters(words->text, TEXTS_WORDS_MAX - 1);
}

void texts_word(struct texts_words *words, const char *before, struct slice word)
{
	put_word(words, slice_of(before), word, slice_of(""));
}

static void quote_word(struct texts_words *words, const char *before, struct slice word)
{
	put_word(words, slice_of(before), word, slice_of("\""));
}

bool texts_words_copy(struct load *load, const struct texts_words *words,
                      struct slice *out)
{
	struct texts_words ended = *words;
	if (words->cut)
		memcpy(ended.text + ended.len, ", ...", 5);
	*out = arena_copy(load->arena,
	                  (struct slice){ended.text, words->len + (words->cut ? 5 : 0)});
	return out->at || load_memory(load);
}

bool texts_describe(struct load *load, const struct text_match *match, struct slice *out)
{
	struct texts_words words = {0};
	for (size_t i = 0; i < match->exact_count && !words.cut; i++)
		quote_word(&words, "", match->exact[i]);
	for (size_t i = 0; i < match->prefix_count && !words.cut; i++)
		quote_word(&words, "prefix", match->prefix[i]);
	for (size_t i = 0; i < match->pattern_count && !words.cut; i++)
		quote_word(&words, "regex", match->patterns[i]->text);
	for (size_t i = 0; i < match->table_count && !words.cut; i++)
		texts_word(&words, "in", match->tables[i]->name);
	return texts_words_copy(load, &words, out);
}
