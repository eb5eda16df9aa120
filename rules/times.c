/* SPDX-License-Identifier: MIT */
#include "rules/times.h"

#include <stddef.h>
#include <stdlib.h>

#include "rules/gateway.h"
#include "rules/timetext.h"
#include "rules/zones.h"

#define NEVER_BUDGET 20000000u /* days and dates looked at, for warnings of a table */

static struct table *table_of(struct load *load)
{
	return ((struct table_load *)load)->table;
}

/* Days: mon, friday, mon-fri, fri-mon */

static bool read_day(struct load *load, const struct node *node, void *into)
{
	unsigned *days = into;
	struct slice text;
	if (!schema_text(load, node, "days", &text))
		return false;
	if (!timetext_days(text, days))
		return load_error(load, node, "write mon, mon-fri or [mon, wed-fri]",
		                  "days: \"%s\" is no day of the week", text.at);
	return true;
}

static bool read_days(struct load *load, const struct node *node, void *into)
{
	struct time_set *set = into;
	set->days = 0;
	return schema_each(load, node, "days", read_day, &set->days);
}

/* Lists */

static bool check_count(struct load *load, const struct node *node, const char *what)
{
	return schema_each_count(node) <= TIMES_ITEMS_MAX ||
	       load_error(load, node, NULL, "\"%s\" has more than %d items", what,
	                  TIMES_ITEMS_MAX);
}

/* Hours: 08:00-18:00, 22:00-06:00 */

struct hours_list {
	size_t count;
	struct hours *items;
};

static bool read_hours_item(struct load *load, const struct node *node, void *into)
{
	struct hours_list *list = into;
	struct slice text;
	if (!schema_text(load, node, "hours", &text))
		return false;
	if (!timetext_hours(text, &list->items[list->count]))
		return load_error(load, node,
		                  "write 08:00-18:00, 22:00-06:00 for hours past "
		                  "midnight, 00:00-24:00 for the whole day",
		                  "hours: \"%s\" does not say from when until when",
		                  text.at);
	list->count++;
	return true;
}

static bool read_hours(struct load *load, const struct node *node, void *into)
{
	struct time_set *set = into;
	struct hours_list list = {0};
	if (!check_count(load, node, "hours"))
		return false;
	list.items =
		arena_array(load->arena, schema_each_count(node), sizeof *list.items);
	if (!list.items)
		return load_memory(load);
	bool good = schema_each(load, node, "hours", read_hours_item, &list);
	set->hours = list.items;
	set->hours_count = list.count;
	return good;
}

/* Dates: 2026-12-25, 12-25, 25, and from one to another: 12-24..12-26 */

struct dates_list {
	size_t count;
	struct dates *items;
};

/* Appends what text says, if it says a date. */
static bool add_dates(struct load *load, struct slice text, struct dates_list *list)
{
	struct dates *dates = &list->items[list->count];
	if (!timetext_dates(text, dates))
		return false;
	dates->text = arena_copy(load->arena, text);
	list->count++;
	return dates->text.at || load_memory(load);
}

static bool no_date(struct load *load, const struct node *node, const char *what)
{
	return load_error(load, node,
	                  "write 2026-12-25, 12-25 for every year, 25 for every month, "
	                  "or 12-24..12-26",
	                  "%s: \"%s\" is no date", what, node->text.at);
}

static bool read_dates_item(struct load *load, const struct node *node, void *into)
{
	struct slice text;
	return schema_text(load, node, "dates", &text) &&
	       (add_dates(load, text, into) || load->out_of_memory ||
	        no_date(load, node, "dates"));
}

static bool read_dates(struct load *load, const struct node *node, void *into)
{
	struct time_set *set = into;
	struct dates_list list = {0};
	if (!check_count(load, node, "dates"))
		return false;
	list.items =
		arena_array(load->arena, schema_each_count(node), sizeof *list.items);
	if (!list.items)
		return load_memory(load);
	bool good = schema_each(load, node, "dates", read_dates_item, &list);
	set->dates = list.items;
	set->dates_count = list.count;
	return good;
}

/* Names */

static const char *name_at(const void *names, size_t i)
{
	return ((const char *const *)names)[i];
}

static bool unknown_time(struct load *load, const struct node *node)
{
	const char *names[256], *near;
	char hint[DIAGS_HINT_MAX];
	size_t count = 0;
	for (const struct time_set *set = table_of(load)->last_time; set && count < 256;
	     set = set->next)
		names[count++] = set->name.at;
	near = load_nearest(load, node->text, name_at, names, count);
	return load_error(load, node,
	                  near ? diags_hint(hint, "did you mean \"%s\"?", near)
	                       : "times are defined under \"times\"",
	                  "no time is called \"%s\"", node->text.at);
}

const struct time_set *times_find(struct load *load, const struct node *node)
{
	struct slice name;
	if (!schema_text(load, node, "time", &name))
		return NULL;
	const struct time_set *set = map_find(&table_of(load)->times, name);
	if (!set)
		unknown_time(load, node);
	return set;
}

/* Exceptions: dates, and names of other times */

struct exceptions {
	const struct time_set *of;
	struct dates_list dates;
	size_t count;
	const struct time_set **times;
};

/* One level, so that none is without end, nor takes long to ask. */
static bool check_excluded(struct load *load, const struct node *node,
                           const struct time_set *of, const struct time_set *excluded)
{
	if (excluded == of)
		return load_error(load, node, NULL, "\"%s\" excepts itself", of->name.at);
	return !excluded->excepts_times ||
	       load_error(load, node, "name here what it excepts",
	                  "\"%s\" cannot be excepted, for it excepts other times itself",
	                  excluded->name.at);
}

static bool read_exception(struct load *load, const struct node *node, void *into)
{
	struct exceptions *exceptions = into;
	struct slice text;
	if (!schema_text(load, node, "except", &text))
		return false;
	if (add_dates(load, text, &exceptions->dates))
		return true;
	if (load->out_of_memory)
		return false;
	if (text.at[0] >= '0' && text.at[0] <= '9' &&
	    !map_find(&table_of(load)->times, text))
		return no_date(load, node, "except");
	const struct time_set *set = times_find(load, node);
	if (!set || !check_excluded(load, node, exceptions->of, set))
		return false;
	exceptions->times[exceptions->count++] = set;
	return true;
}

static bool read_except(struct load *load, struct time_set *set)
{
	const struct node *node = set->except_node;
	struct exceptions all = {.of = set};
	if (!check_count(load, node, "except"))
		return false;
	size_t count = schema_each_count(node);
	all.dates.items = arena_array(load->arena, count, sizeof *all.dates.items);
	all.times = arena_array(load->arena, count, sizeof(const struct time_set *));
	if (!all.dates.items || !all.times)
		return load_memory(load);
	bool good = schema_each(load, node, "except", read_exception, &all);
	set->except = all.dates.items;
	set->except_count = all.dates.count;
	set->excluded = all.times;
	set->excluded_count = all.count;
	return good;
}

/* Does a list of exceptions have names in it? Asked before any of them is read. */
static bool has_names(const struct node *node)
{
	struct dates dates;
	if (node->type == NODE_SCALAR)
		return !timetext_dates(node->text, &dates);
	for (size_t i = 0; node->type == NODE_LIST && i < node->count; i++)
		if (node->items[i]->type == NODE_SCALAR &&
		    !timetext_dates(node->items[i]->text, &dates))
			return true;
	return false;
}

/* Times */

static bool read_zone(struct load *load, const struct node *node, void *into)
{
	struct time_set *set = into;
	return zones_read(load, node, &set->zone);
}

static struct time_set *set_new(struct load *load, const struct node *key)
{
	struct table *table = table_of(load);
	struct time_set *set = arena_alloc(load->arena, sizeof *set);
	if (!set) {
		load_memory(load);
		return NULL;
	}
	set->position = key->position;
	set->zone = zones_default(table);
	set->days = TIMESET_ALL_DAYS;
	return name_read(load, key, "time name", &set->name) ? set : NULL;
}

static bool add_name(struct load *load, const struct node *key, struct time_set *set)
{
	struct table *table = table_of(load);
	char hint[DIAGS_HINT_MAX];
	const struct time_set *other = map_find(&table->times, set->name);
	if (other)
		return load_error(load, key,
		                  diags_hint(hint, "first defined at %s:%u:%u",
		                             other->position.file, other->position.line,
		                             other->position.column),
		                  "time \"%s\" is defined twice", set->name.at);
	set->next = table->last_time;
	table->last_time = set;
	return map_add(&table->times, load->arena, set->name, set) || load_memory(load);
}

static bool is_zone_alone(const struct node *node)
{
	return !node->count || (node->count == 1 &&
	                        slice_equal(node->pairs[0].key->text, slice_of("zone")));
}

static bool read_time(struct load *load, const struct pair *pair)
{
	static const struct field fields[] = {
		{"zone", read_zone, 0},
		{"days", read_days, 0},
		{"hours", read_hours, 0},
		{"dates", read_dates, 0},
		{"except", schema_keep, 0, offsetof(struct time_set, except_node)}};
	struct time_set *set = set_new(load, pair->key);
	if (!set)
		return false;
	bool good = schema_read(load, pair->value, "a time", fields, 5, set);
	if (pair->value->type == NODE_MAPPING && is_zone_alone(pair->value))
		good = load_error(load, pair->value,
		                  "write one of days, hours, dates, except",
		                  "time \"%s\" says nothing", set->name.at);
	set->excepts_times = set->except_node && has_names(set->except_node);
	return add_name(load, pair->key, set) && good;
}

bool times_read(struct load *load, const struct node *node, void *into)
{
	(void)into;
	if (node->type != NODE_MAPPING)
		return load_error(load, node, "write times: {office: {days: mon-fri}}",
		                  "\"times\" must be a mapping of names to times, not %s",
		                  node_type_name(node));
	bool good = true;
	for (size_t i = 0; i < node->count; i++)
		good &= read_time(load, &node->pairs[i]);
	return good;
}

static void warn_never(struct load *load, const struct time_set *set, size_t *budget)
{
	if (!timeset_may_hold(set, budget))
		load_warning(load, set->position,
		             "its days, dates and exceptions leave no day",
		             "time \"%s\" never holds", set->name.at);
}

bool times_finish(struct load *load)
{
	size_t budget = NEVER_BUDGET;
	bool good = true;
	for (struct time_set *set = table_of(load)->last_time; set; set = set->next)
		good &= !set->except_node || read_except(load, set);
	for (struct time_set *set = table_of(load)->last_time; set && good;
	     set = set->next)
		warn_never(load, set, &budget);
	return good;
}
