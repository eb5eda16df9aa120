/* SPDX-License-Identifier: MIT */
#include "server/operations/registry.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "rules/map.h"

#define SLOTS 2048 /* a power of two, twice as many as there may be names */

/* slots: open addressing; a number, or 0: free. */
struct names {
	size_t max;
	_Atomic size_t count; /* those before it are there for all to read */
	struct slice items[REGISTRY_MAX + 1];
	uint16_t slots[SLOTS];
};

struct registry {
	struct names kinds[REGISTRY_KINDS];
};

struct registry *registry_new(void)
{
	struct registry *registry = calloc(1, sizeof *registry);
	for (size_t i = 0; registry && i < REGISTRY_KINDS; i++) {
		struct names *names = &registry->kinds[i];
		names->max = i == REGISTRY_METHODS ? REGISTRY_METHODS_MAX : REGISTRY_MAX;
		names->items[REGISTRY_OTHER] = slice_of("other");
		atomic_init(&names->count, 1);
	}
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < REGISTRY_KINDS; i++)
		for (size_t n = 1; n < registry->kinds[i].count; n++)
			free((void *)(uintptr_t)registry->kinds[i].items[n].at);
	free(registry);
}

/* Where name is, or would be. */
static uint16_t *find_slot(struct names *names, struct slice name)
{
	size_t i = map_hash(name) % SLOTS;
	while (names->slots[i] && !slice_equal(names->items[names->slots[i]], name))
		i = (i + 1) % SLOTS;
	return &names->slots[i];
}

static unsigned add(struct names *names, struct slice name, uint16_t *slot)
{
	size_t number = names->count;
	char *copy = number <= names->max ? malloc(name.len + 1) : NULL;
	if (!copy)
		return REGISTRY_OTHER;
	memcpy(copy, name.len ? name.at : "", name.len);
	copy[name.len] = '\0';
	names->items[number] = (struct slice){copy, name.len};
	*slot = (uint16_t)number;
	atomic_store_explicit(&names->count, number + 1, memory_order_release);
	return (unsigned)number;
}

unsigned registry_number(struct registry *registry, enum registry_kind kind,
                         struct slice name)
{
	struct names *names = &registry->kinds[kind];
	if (slice_equal(name, names->items[REGISTRY_OTHER]))
		return REGISTRY_OTHER;
	uint16_t *slot = find_slot(names, name);
	return *slot ? *slot : add(names, name, slot);
}

size_t registry_count(const struct registry *registry, enum registry_kind kind)
{
	return atomic_load_explicit(&registry->kinds[kind].count, memory_order_acquire);
}

struct slice registry_name(const struct registry *registry, enum registry_kind kind,
                           unsigned number)
{
	assert(number < registry_count(registry, kind));
	return registry->kinds[kind].items[number];
}
