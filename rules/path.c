/* SPDX-License-Identifier: MIT */
#include "rules/path.h"

#include <string.h>

const char *path_resolve(struct load *load, const char *from, struct slice path)
{
	const char *slash = strrchr(from, '/');
	size_t folder = !slash || path.at[0] == '/' ? 0 : (size_t)(slash - from) + 1;
	char *out = arena_alloc(load->arena, folder + path.len + 1);
	if (!out) {
		load_memory(load);
		return NULL;
	}
	memcpy(out, from, folder);
	memcpy(out + folder, path.at, path.len);
	return out;
}

bool path_read(struct load *load, const struct node *node, const char *what,
               const char **out)
{
	struct slice path;
	if (!schema_text(load, node, what, &path))
		return false;
	*out = path_resolve(load, node->position.file, path);
	return *out;
}
