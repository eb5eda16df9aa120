/* SPDX-License-Identifier: MIT */
#include "server/trust/credentials.h"

#include "rules/path.h"
#include "rules/schema.h"

struct reading {
	struct credentials *credentials;
	const struct node *verify; /* NULL: not given */
};

static bool read_file(struct load *load, const struct node *node, const char *what,
                      struct named_file *file)
{
	file->position = node->position;
	return path_read(load, node, what, &file->path);
}

static bool read_certificate(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	return read_file(load, node, "certificate", &reading->credentials->certificate);
}

static bool read_key(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	return read_file(load, node, "key", &reading->credentials->key);
}

static bool read_client_ca(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	return read_file(load, node, "client_ca", &reading->credentials->client_ca);
}

static bool read_ciphers(struct load *load, const struct node *node, void *into)
{
	struct reading *reading = into;
	reading->credentials->ciphers_position = node->position;
	if (!schema_text(load, node, "ciphers", &reading->credentials->ciphers))
		return false;
	return reading->credentials->ciphers.len <= CIPHERS_MAX ||
	       load_error(load, node, NULL, "\"ciphers\" may have %d bytes", CIPHERS_MAX);
}

/* Not given: who names a client_ca wants it used. */
static bool read_verify(struct load *load, struct reading *reading)
{
	static const char *const names[] = {[VERIFY_NONE] = "none",
	                                    [VERIFY_OPTIONAL] = "optional",
	                                    [VERIFY_REQUIRED] = "required"};
	struct credentials *credentials = reading->credentials;
	const struct node *node = reading->verify;
	size_t choice = credentials->client_ca.path ? VERIFY_REQUIRED : VERIFY_NONE;
	if (node && !schema_choice(load, node, "verify", names, 3, &choice))
		return false;
	credentials->verify = (enum verify)choice;
	if (choice != VERIFY_NONE && !credentials->client_ca.path)
		return load_error(load, node,
		                  "\"client_ca\" says whose certificates are good",
		                  "\"verify: %s\" needs \"client_ca\"", names[choice]);
	if (choice == VERIFY_NONE && credentials->client_ca.path)
		load_warning(load, credentials->client_ca.position, NULL,
		             "\"client_ca\" is not used with \"verify: none\"");
	return true;
}

bool credentials_read(struct load *load, const struct node *node,
                      struct credentials *credentials)
{
	static const struct field fields[] = {
		{"certificate", read_certificate, FIELD_REQUIRED},
		{"key", read_key, FIELD_REQUIRED},
		{"client_ca", read_client_ca, 0},
		{"verify", schema_keep, 0, offsetof(struct reading, verify)},
		{"ciphers", read_ciphers, 0},
	};
	struct reading reading = {.credentials = credentials};
	credentials->position = node->position;
	bool good = schema_read(load, node, "tls", fields,
	                        sizeof fields / sizeof fields[0], &reading);
	return (load->out_of_memory || read_verify(load, &reading)) && good;
}
