/* SPDX-License-Identifier: MIT */
/* texts.h - "any of these texts": exact ones, prefixes and regexes, as criteria use them.
 */
#ifndef RULES_TEXTS_H
#define RULES_TEXTS_H

#include "rules/number.h"
#include "rules/rule.h"

/* What the texts are, and so how they are cleaned when read. */
enum texts_form {
	TEXTS_PLAIN,    /* as written; prefix and regex allowed */
	TEXTS_NUMBER,   /* number_clean_written(); prefix and regex allowed */
	TEXTS_HOST,     /* a name or an address without a port, exact only */
	TEXTS_LISTENER, /* "udp:192.0.2.1:5060" in its canonical form, exact only */
	TEXTS_NAME,     /* as written, exact only */
	TEXTS_DIGITS,   /* parameters_clean_number(); prefix and regex allowed */
	TEXTS_LABEL,    /* parameters_clean_label(); prefix and regex allowed */
};

/* Reads a text, a list of texts, or a mapping of exact, prefix and regex to either; for
 * TEXTS_NUMBER also of in to number tables, which texts_match() does not ask. load
 * is the first member of a struct table_load. */
bool texts_read(struct load *load, const struct node *node, const char *what,
                enum texts_form form, struct text_match *out);

/* A host as TEXTS_HOST keeps it: in lower case and without a dot at its end, IPv6
 * addresses as address_text() writes them. False if it is longer than buffer. */
bool texts_clean_host(struct slice host, char buffer[NUMBER_MAX], struct slice *out);

enum pattern_result texts_match(const struct text_match *match, struct slice text,
                                struct pattern_space *space);

/* The same for texts of TEXTS_HOST: names without case or final dot, IPv6 addresses by
 * value. */
enum pattern_result texts_match_host(const struct text_match *match, struct slice host);

/* The same for texts of TEXTS_LABEL: regexes see them cleaned too. */
enum pattern_result texts_match_label(const struct text_match *match, struct slice label,
                                      struct pattern_space *space);

/* True if outer certainly matches whatever inner matches; regexes by their text. */
bool texts_cover(const struct text_match *outer, const struct text_match *inner);

/* The same, each text by one of its kind and length: an exact text by the same, a prefix
 * by the same, a regex by the same or by the empty prefix, a number table by itself. */
bool texts_include(const struct text_match *outer, const struct text_match *inner);

/* For explanations: "112", prefix "+44", and so on, cut after some. */
bool texts_describe(struct load *load, const struct text_match *match, struct slice *out);

#define TEXTS_WORDS_MAX 96
struct texts_words {
	char text[TEXTS_WORDS_MAX + 8]; /* and room for ", ..." */
	size_t len;
	bool cut;
};
void texts_word(struct texts_words *words, const char *before, struct slice word);
bool texts_words_copy(struct load *load, const struct texts_words *words,
                      struct slice *out);

/* Reads a regex. what names it in messages. NULL after an error. */
const struct compiled_pattern *texts_pattern(struct load *load, const struct node *node,
                                             const char *what);

#endif
