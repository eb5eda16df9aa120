/* SPDX-License-Identifier: MIT */
#include "server/trust/users.h"

#include <unistd.h>

#include "rules/map.h"
#include "rules/number.h"
#include "rules/schema.h"
#include "server/trust/file.h"

#define HOW_TO_WRITE    "write {password: …} or {ha1_sha256: …}"
#define USERS_BYTES_MAX ((size_t)512 << 20) /* of the file's tree, and of the users */

struct users {
	struct arena *arena; /* holds the users themselves, too */
	struct map names;    /* → struct user */
	size_t count;
	struct user *list;
};

struct reading {
	struct users *users;
	struct hasher *hasher;
	struct slice realm;
	unsigned offered;
	const struct node **keys; /* [i]: where users->list[i] is named */

	/* Of the user that is being read. */
	struct user *user;
	const struct node *password, *hashes[DIGEST_ALGORITHMS];
};

static const char *const hash_keys[DIGEST_ALGORITHMS] = {
	[DIGEST_SHA256] = "ha1_sha256", [DIGEST_MD5] = "ha1_md5"};

bool users_name_is_good(struct slice name)
{
	if (!name.len || name.len > USER_NAME_MAX || slice_has_control(name) ||
	    slice_find(name, ':') < name.len)
		return false;
	while (name.len && slice_utf8(name))
		name = slice_skip(name, slice_utf8(name));
	return !name.len;
}

/* Findings never show a password or a hash. */

static bool read_password(struct load *load, struct reading *reading)
{
	const struct node *node = reading->password;
	if (node->type != NODE_SCALAR || !node->text.len ||
	    node->text.len > USER_BYTES_MAX || slice_has_control(node->text))
		return load_error(load, node, NULL,
		                  "a password is a text of 1 to %d bytes without control "
		                  "characters",
		                  USER_BYTES_MAX);
	for (enum digest_algorithm i = 0; i < DIGEST_ALGORITHMS; i++)
		if (!hasher_ha1(reading->hasher, i, reading->user->name, reading->realm,
		                node->text, reading->user->ha1[i]))
			return load_memory(load);
	return true;
}

/* Kept as it goes into a hash: in lower case. */
static bool read_hash(struct load *load, struct reading *reading,
                      enum digest_algorithm algorithm)
{
	const struct node *node = reading->hashes[algorithm];
	unsigned char bytes[HASH_TEXT_MAX];
	size_t len = digest_algorithm_bytes(algorithm);
	if (node->type != NODE_SCALAR || !digest_unhex(node->text, bytes, len))
		return load_error(load, node, "signpost passwd makes them",
		                  "\"%s\" must be %zu hex digits", hash_keys[algorithm],
		                  2 * len);
	digest_hex(bytes, len, reading->user->ha1[algorithm]);
	explicit_bzero(bytes, sizeof bytes);
	return true;
}

static bool is_offered(const struct reading *reading)
{
	for (enum digest_algorithm i = 0; i < DIGEST_ALGORITHMS; i++)
		if (reading->offered >> i & 1 && reading->user->ha1[i][0])
			return true;
	return false;
}

/* "{open sesame}": schema_read() would show the key that it does not know. */
static bool is_bare(const struct node *node)
{
	return node->type == NODE_MAPPING && node->count == 1 &&
	       node->pairs[0].value->type == NODE_SCALAR && node->pairs[0].value->plain &&
	       !node->pairs[0].value->text.len;
}

static bool read_keys(struct load *load, const struct node *node, struct reading *reading)
{
	static const struct field fields[] = {
		{"password", schema_keep, 0, offsetof(struct reading, password)},
		{"ha1_sha256", schema_keep, 0,
	         offsetof(struct reading, hashes[DIGEST_SHA256])},
		{"ha1_md5", schema_keep, 0, offsetof(struct reading, hashes[DIGEST_MD5])},
	};
	if (is_bare(node))
		return load_error(load, node->pairs[0].key, HOW_TO_WRITE,
		                  "a password without a key before it");
	return schema_read(load, node, "a user", fields, sizeof fields / sizeof *fields,
	                   reading);
}

static bool read_secrets(struct load *load, const struct node *node,
                         struct reading *reading)
{
	bool good = true, hashed = false;
	for (enum digest_algorithm i = 0; i < DIGEST_ALGORITHMS; i++) {
		hashed |= reading->hashes[i] != NULL;
		good &= !reading->hashes[i] || read_hash(load, reading, i);
	}
	if (reading->password && hashed)
		return load_error(load, reading->password, NULL,
		                  "a user has a password or hashes of it, not both");
	if (!reading->password && !hashed)
		return load_error(load, node, HOW_TO_WRITE, "the user has no password");
	good &= !reading->password || read_password(load, reading);
	if (good && !is_offered(reading))
		return load_error(load, node,
		                  "\"algorithms\" of the profile says which are offered",
		                  "the user has no hash of an algorithm that is offered");
	return good;
}

/* As the user part of a From header would be. */
static bool set_caller(struct load *load, struct reading *reading)
{
	char buffer[NUMBER_MAX];
	struct slice caller;
	struct user *user = reading->user;
	if (!number_clean_written(user->name, buffer, &caller))
		caller = user->name;
	user->caller = arena_copy(reading->users->arena, caller);
	return user->caller.at || load_memory(load);
}

static bool add_user(struct load *load, const struct pair *pair, struct reading *reading)
{
	struct users *users = reading->users;
	char hint[DIAGS_HINT_MAX];
	const struct node *key = pair->key;
	if (!users_name_is_good(key->text))
		return load_error(load, key, NULL,
		                  "the name of a user has 1 to %d bytes, no colon and no "
		                  "control character",
		                  USER_NAME_MAX);
	const struct user *first = users_find(users, key->text);
	if (first) {
		struct position at = reading->keys[first - users->list]->position;
		return load_error(load, key,
		                  diags_hint(hint, "first defined at %s:%u:%u", at.file,
		                             at.line, at.column),
		                  "user \"%s\" is defined twice", key->text.at);
	}
	reading->keys[users->count] = key;
	reading->user = &users->list[users->count++];
	reading->user->name = arena_copy(users->arena, key->text);
	return (reading->user->name.at && map_add(&users->names, users->arena,
	                                          reading->user->name, reading->user)) ||
	       load_memory(load);
}

/* "carol: open sesame" is short for a password. */
static bool read_user(struct load *load, const struct pair *pair, struct reading *reading)
{
	const struct node *node = pair->value;
	reading->password = NULL;
	memset(reading->hashes, 0, sizeof reading->hashes);
	if (!add_user(load, pair, reading) || !set_caller(load, reading))
		return false;
	if (node->type == NODE_SCALAR)
		reading->password = node;
	else if (!read_keys(load, node, reading))
		return false;
	return read_secrets(load, node, reading);
}

static bool read_root(struct load *load, const struct node *root, struct reading *reading)
{
	struct users *users = reading->users;
	bool good = true;
	if (root->type != NODE_MAPPING)
		return load_error(load, root, "write alice: {password: …}",
		                  "the users must be a mapping of names, not %s",
		                  node_type_name(root));
	users->list = arena_array(users->arena, root->count, sizeof *users->list);
	reading->keys = arena_array(users->arena, root->count, sizeof *reading->keys);
	if (!users->list || !reading->keys)
		return load_memory(load);
	for (size_t i = 0; i < root->count && !load->out_of_memory; i++)
		good &= read_user(load, &root->pairs[i], reading);
	return good;
}

static bool read_file(struct load *load, const char *path, struct reading *reading)
{
	struct document *document =
		document_read_secret(path, USERS_BYTES_MAX, load->diags);
	if (!document)
		return false;
	bool good = read_root(load, document_root(document), reading);
	document_free(document);
	return good;
}

/* That everybody can read it is an error at node; document_read_secret() opens it again.
 */
static bool check_mode(struct load *load, const struct node *node, const char *path)
{
	int fd = file_open(path, "users", node->position, load->diags);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static struct users *users_new(void)
{
	struct arena *arena = arena_new(USERS_BYTES_MAX);
	struct users *users = arena ? arena_alloc(arena, sizeof *users) : NULL;
	if (users)
		users->arena = arena;
	else
		arena_free(arena);
	return users;
}

struct users *users_load(struct load *load, const struct node *node, const char *path,
                         struct slice realm, unsigned offered)
{
	struct users *users = users_new();
	struct reading reading = {users, hasher_new(), realm, offered};
	bool good = (users && reading.hasher) || load_memory(load);
	good = good && check_mode(load, node, path) && read_file(load, path, &reading);
	hasher_free(reading.hasher);
	if (good)
		return users;
	users_free(users);
	return NULL;
}

void users_free(struct users *users)
{
	if (!users)
		return;
	if (users->list)
		explicit_bzero(users->list, users->count * sizeof *users->list);
	arena_free(users->arena);
}

const struct user *users_find(const struct users *users, struct slice name)
{
	return map_find(&users->names, name);
}

size_t users_count(const struct users *users)
{
	return users->count;
}
