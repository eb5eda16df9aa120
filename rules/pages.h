/* SPDX-License-Identifier: MIT */
/* pages.h - large pieces of memory in whole pages: they grow without a second copy, and
 * go back to the system as soon as they are freed.
 */
#ifndef RULES_PAGES_H
#define RULES_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* What several pieces may have together, in bytes. */
struct budget {
	size_t limit, used;
};

struct pages {
	char *at; /* zeroed when new */
	size_t size;
	struct budget *budget;
};

/* size bytes, rounded up to pages. False when out of memory or over the budget; then
 * there is nothing to free. Large ones ask for huge pages: they are read here and there.
 */
bool pages_new(struct pages *pages, size_t size, struct budget *budget);

/* Makes it larger or smaller; it may move. False, and nothing changes, when out of memory
 * or over the budget. */
bool pages_resize(struct pages *pages, size_t size);

/* Allowed for zeroed pages. */
void pages_free(struct pages *pages);

#endif
