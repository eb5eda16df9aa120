/* SPDX-License-Identifier: MIT */
#include "server/trust/secret.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "server/settings/settings.h"
#include "server/trust/file.h"

static bool take_bytes(struct load *load, const struct node *node, const char *path,
                       struct slice secret, struct slice *out)
{
	while (secret.len > 0 &&
	       (secret.at[secret.len - 1] == '\n' || secret.at[secret.len - 1] == '\r'))
		secret.len--;
	if (secret.len < SECRET_MIN || secret.len > SECRET_MAX)
		return load_error(load, node,
		                  "head -c 32 /dev/urandom | base64 makes a good one",
		                  "the secret in \"%s\" must have %d to %d bytes", path,
		                  SECRET_MIN, SECRET_MAX);
	*out = arena_copy(load->arena, secret);
	return out->at || load_memory(load);
}

static bool read_bytes(struct load *load, const struct node *node, const char *path,
                       int fd, struct slice *out)
{
	char bytes[SECRET_MAX + 3]; /* room for a CRLF and to see that there is more */
	ssize_t count = read(fd, bytes, sizeof bytes);
	if (count < 0)
		return load_error(load, node, NULL, "cannot read \"%s\": %s", path,
		                  strerror(errno));
	bool good =
		take_bytes(load, node, path, (struct slice){bytes, (size_t)count}, out);
	explicit_bzero(bytes, sizeof bytes);
	return good;
}

bool secret_read(struct load *load, const struct node *node, const char *path,
                 struct slice *out)
{
	int fd = file_open(path, "secret", node->position, load->diags);
	if (fd < 0)
		return false;
	bool good = read_bytes(load, node, path, fd, out);
	close(fd);
	return good;
}
