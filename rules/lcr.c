/* SPDX-License-Identifier: MIT */
#include "rules/lcr.h"

#include <stddef.h>

#include "rules/numbertable.h"
#include "rules/select.h"

/* Reading */

struct reading {
	struct lcr *lcr;
	const struct carrier **carriers;
};

static bool add_carrier(struct load *load, const struct node *node, void *into)
{
	const struct reading *reading = into;
	const struct carrier *carrier = decks_find(load, node);
	if (!carrier)
		return false;
	for (size_t i = 0; i < reading->lcr->count; i++)
		if (reading->carriers[i] == carrier)
			return load_error(load, node, NULL, "deck \"%s\" stands twice",
			                  node->text.at);
	reading->carriers[reading->lcr->count++] = carrier;
	return true;
}

static bool read_decks(struct load *load, const struct node *node, void *into)
{
	struct reading reading = {.lcr = into};
	size_t count = schema_each_count(node);
	if (count > LCR_DECKS_MAX)
		return load_error(load, node, NULL, "more than %d decks", LCR_DECKS_MAX);
	reading.carriers = arena_array(load->arena, count, sizeof *reading.carriers);
	if (!reading.carriers)
		return load_memory(load);
	reading.lcr->carriers = reading.carriers;
	return schema_each(load, node, "decks", add_carrier, &reading);
}

static bool read_max(struct load *load, const struct node *node, void *into)
{
	return schema_number(load, node, "max", 1, DECISION_TARGETS_MAX,
	                     &((struct lcr *)into)->max);
}

static bool read_max_rate(struct load *load, const struct node *node, void *into)
{
	struct lcr *lcr = into;
	struct slice text;
	const char *why, *hint;
	if (numbertable_is_row(node, &text)) {
		text = lcr->limit_column = arena_copy(load->arena, text);
		return text.at ? numbertable_use(load, node->position, text, ROW_DECIMAL)
		               : load_memory(load);
	}
	if (!schema_text(load, node, "max_rate", &text))
		return false;
	lcr->has_limit = true;
	return decimal_parse(text, &lcr->limit, &why, &hint) ||
	       load_error(load, node, hint, "max_rate \"%s\": %s", text.at, why);
}

static bool read_order(struct load *load, const struct node *node, void *into)
{
	static const char *const names[] = {"cost", "quality"};
	size_t choice;
	if (!schema_choice(load, node, "order", names, 2, &choice))
		return false;
	((struct lcr *)into)->by_quality = choice == 1;
	return true;
}

bool lcr_read(struct load *load, const struct node *node, void *into)
{
	static const struct field fields[] = {
		{"decks", read_decks, FIELD_REQUIRED},
		{"max", read_max, 0},
		{"max_rate", read_max_rate, 0},
		{"order", read_order, 0},
	};
	struct lcr *lcr = arena_alloc(load->arena, sizeof *lcr);
	if (!lcr)
		return load_memory(load);
	lcr->max = DECISION_TARGETS_MAX;
	*(const struct lcr **)into = lcr;
	return schema_read(load, node, "\"lcr\"", fields, sizeof fields / sizeof *fields,
	                   lcr);
}

/* Choosing */

static double drawn(struct lcr_offer *offer, uint64_t call_key)
{
	if (offer->drawn < 0)
		offer->drawn = select_draw(offer->carrier->hash, offer->carrier->weight,
		                           call_key);
	return offer->drawn;
}

/* > 0: a is the better one. No quality is worse than any. */
static int compare_quality(const struct rate *a, const struct rate *b)
{
	if (a->has_quality != b->has_quality)
		return a->has_quality ? 1 : -1;
	return decimal_compare(a->quality, b->quality);
}

static bool is_before(const struct lcr *lcr, struct lcr_offer *a, struct lcr_offer *b,
                      uint64_t call_key)
{
	int better =
		lcr->by_quality ? compare_quality(&a->found.rate, &b->found.rate) : 0;
	if (!better)
		better = decimal_compare(b->found.rate.price, a->found.rate.price);
	return better ? better > 0 : drawn(a, call_key) < drawn(b, call_key);
}

static enum priced_outcome price(const struct lcr_question *question,
                                 struct deck_search *search, const struct hashed *number,
                                 struct deck_found *found)
{
	if (!deck_get(search, number, question->now_s, found))
		return PRICED_NOWHERE;
	if (found->rate.blocked)
		return PRICED_BLOCKED;
	if (question->has_limit &&
	    decimal_compare(found->rate.price, question->limit) > 0)
		return PRICED_TOO_DEAR;
	return PRICED_BEYOND_MAX;
}

/* Among the first count, which are in order. */
static void insert(const struct lcr *lcr, struct lcr_offer *offers, size_t count,
                   uint64_t call_key)
{
	struct lcr_offer offer = offers[count];
	size_t place = count;
	for (; place > 0 && is_before(lcr, &offer, &offers[place - 1], call_key); place--)
		offers[place] = offers[place - 1];
	offers[place] = offer;
}

struct lcr_question lcr_ask(const struct lcr *lcr, struct slice number,
                            const struct facts *facts, const struct row *row)
{
	struct lcr_question question = {number, facts->now_s, facts->call_key,
	                                lcr->has_limit, lcr->limit};
	const char *why, *hint;
	if (lcr->limit_column.len)
		question.has_limit =
			decimal_parse(numbertable_value(row, lcr->limit_column),
		                      &question.limit, &why, &hint);
	return question;
}

size_t lcr_choose(const struct lcr *lcr, const struct lcr_question *question,
                  struct lcr_offer offers[LCR_DECKS_MAX])
{
	struct deck_search searches[LCR_DECKS_MAX];
	struct hashed hashed = prefixes_hash(question->number);
	size_t count = 0, end = lcr->count;
	for (size_t i = 0; i < lcr->count; i++)
		deck_begin(lcr->carriers[i]->file.deck, &hashed, &searches[i]);
	for (size_t i = 0; i < lcr->count; i++)
		deck_seek(&searches[i], &hashed);
	for (size_t i = lcr->count; i-- > 0;) {
		struct lcr_offer offer = {.carrier = lcr->carriers[i], .drawn = -1};
		offer.outcome = price(question, &searches[i], &hashed, &offer.found);
		if (offer.outcome != PRICED_BEYOND_MAX) {
			offers[--end] = offer;
			continue;
		}
		offers[count] = offer;
		insert(lcr, offers, count++, question->call_key);
	}
	return count;
}

static void describe(const struct lcr_question *question, const struct lcr_offer *offer,
                     struct priced *out)
{
	const struct rate *rate = &offer->found.rate;
	*out = (struct priced){.deck = offer->carrier->name,
	                       .outcome = offer->outcome,
	                       .limit = question->limit};
	if (offer->outcome == PRICED_NOWHERE)
		return;
	out->prefix = (struct slice){question->number.at, offer->found.prefix_len};
	out->rate = rate->price;
	out->has_quality = rate->has_quality;
	out->quality = rate->quality;
	out->destination = rate->destination;
	out->increment = rate->increment;
}

void lcr_tell(const struct lcr *lcr, const struct lcr_question *question,
              const struct lcr_offer *offers, const struct trace *trace)
{
	struct priced priced;
	for (size_t i = 0; trace && trace->priced && i < lcr->count; i++) {
		describe(question, &offers[i], &priced);
		trace->priced(trace->arg, &priced);
	}
}
