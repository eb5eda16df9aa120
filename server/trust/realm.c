/* SPDX-License-Identifier: MIT */
#include "server/trust/realm.h"

#include "rules/path.h"
#include "rules/schema.h"
#include "rules/units.h"

#define LIFE_DEFAULT_S 60

struct reading {
	struct realm *realm;
	const struct node *users; /* read when the rest is known */
};

bool realm_name_is_good(struct slice name)
{
	bool good = name.len > 0 && name.len <= REALM_NAME_MAX;
	for (size_t i = 0; i < name.len; i++)
		good &= name.at[i] >= ' ' && name.at[i] < 127 &&
		        !memchr("\"\\:", name.at[i], 3);
	return good;
}

static bool read_name(struct load *load, const struct node *node, void *into)
{
	struct realm *realm = ((struct reading *)into)->realm;
	if (!schema_text(load, node, "realm", &realm->name))
		return false;
	return realm_name_is_good(realm->name) ||
	       load_error(load, node, "write a domain: realm: example.net",
	                  "a realm has 1 to %d ASCII characters, no \" \\ and : among "
	                  "them",
	                  REALM_NAME_MAX);
}

static bool read_algorithm(struct load *load, const struct node *node, void *into)
{
	static const char *const names[DIGEST_ALGORITHMS] = {
		[DIGEST_SHA256] = "sha-256", [DIGEST_MD5] = "md5"};
	struct realm *realm = ((struct reading *)into)->realm;
	size_t choice;
	if (!schema_choice(load, node, "algorithms", names, DIGEST_ALGORITHMS, &choice))
		return false;
	realm->offered |= 1u << choice;
	return true;
}

static bool read_algorithms(struct load *load, const struct node *node, void *into)
{
	((struct reading *)into)->realm->offered = 0;
	return schema_each(load, node, "algorithms", read_algorithm, into);
}

static bool read_life(struct load *load, const struct node *node, void *into)
{
	struct realm *realm = ((struct reading *)into)->realm;
	struct slice text;
	unsigned long life_ms;
	if (!schema_text(load, node, "nonce_life", &text))
		return false;
	if (!units_duration(text, REALM_LIFE_MAX * 1000ul, &life_ms) ||
	    life_ms < REALM_LIFE_MIN * 1000ul)
		return load_error(load, node, "write 60s or 5m",
		                  "\"%s\" is no duration from 10s to 24h", text.at);
	realm->nonce_life_s = (life_ms + 999) / 1000;
	return true;
}

static bool read_bind_from(struct load *load, const struct node *node, void *into)
{
	return schema_bool(load, node, "bind_from",
	                   &((struct reading *)into)->realm->binds_from);
}

static bool read_users(struct load *load, const struct node *node, struct realm *realm)
{
	const char *path;
	if (!path_read(load, node, "users", &path))
		return false;
	realm->users = users_load(load, node, path, realm->name, realm->offered);
	if (realm->users && !users_count(realm->users))
		load_warning(load, node->position, NULL,
		             "there are no users in \"%s\": nobody can call", path);
	return realm->users;
}

bool realm_read(struct load *load, const struct node *node, struct realm *realm)
{
	static const struct field fields[] = {
		{"realm", read_name, FIELD_REQUIRED},
		{"users", schema_keep, FIELD_REQUIRED, offsetof(struct reading, users)},
		{"algorithms", read_algorithms, 0},
		{"nonce_life", read_life, 0},
		{"bind_from", read_bind_from, 0},
	};
	struct reading reading = {.realm = realm};
	*realm = (struct realm){.offered = (1u << DIGEST_ALGORITHMS) - 1,
	                        .nonce_life_s = LIFE_DEFAULT_S};
	bool good = schema_read(load, node, "auth", fields,
	                        sizeof fields / sizeof *fields, &reading);
	if (reading.users && !load->out_of_memory)
		good &= read_users(load, reading.users, realm);
	return good;
}
