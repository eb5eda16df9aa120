/* SPDX-License-Identifier: MIT */
#include "rules/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#define PAGE      ((size_t)4 << 10)
#define HUGE_PAGE ((size_t)2 << 20)

static size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) & ~(unit - 1);
}

static bool take(struct budget *budget, size_t size)
{
	if (size > budget->limit - budget->used)
		return false;
	budget->used += size;
	return true;
}

static char *map(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
	                -1, 0);
	return at == MAP_FAILED ? NULL : at;
}

/* Begins at a huge page. What is mapped too much goes back at once. */
static char *map_huge(size_t size)
{
	char *at = map(size + HUGE_PAGE);
	if (!at)
		return NULL;
	size_t before = (size_t) - (uintptr_t)at & (HUGE_PAGE - 1);
	if (before)
		munmap(at, before);
	munmap(at + before + size, HUGE_PAGE - before);
	madvise(at + before, size & ~(HUGE_PAGE - 1), MADV_HUGEPAGE); /* only a wish */
	return at + before;
}

bool pages_new(struct pages *pages, size_t size, struct budget *budget)
{
	*pages = (struct pages){NULL, 0, budget};
	if (size > SIZE_MAX / 2)
		return false;
	size = round_up(size ? size : 1, PAGE);
	if (!take(budget, size))
		return false;
	char *at = size < HUGE_PAGE ? map(size) : map_huge(size);
	if (!at) {
		budget->used -= size;
		return false;
	}
	pages->at = at;
	pages->size = size;
	return true;
}

bool pages_resize(struct pages *pages, size_t size)
{
	struct budget *budget = pages->budget;
	if (size > SIZE_MAX / 2)
		return false;
	size = round_up(size ? size : 1, PAGE);
	if (size > pages->size && !take(budget, size - pages->size))
		return false;
	char *at = mremap(pages->at, pages->size, size, MREMAP_MAYMOVE);
	if (at == MAP_FAILED) {
		if (size > pages->size)
			budget->used -= size - pages->size;
		return false;
	}
	if (size < pages->size)
		budget->used -= pages->size - size;
	pages->at = at;
	pages->size = size;
	return true;
}

void pages_free(struct pages *pages)
{
	if (!pages->at)
		return;
	munmap(pages->at, pages->size);
	pages->budget->used -= pages->size;
	*pages = (struct pages){0};
}
