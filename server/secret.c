/* SPDX-License-Identifier: MIT */
#include "server/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/settings.h"

static bool check_file(struct load *load, const struct node *node, const char *path,
                       int fd)
{
	struct stat status;
	char hint[DIAGS_HINT_MAX];
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return load_error(load, node, NULL, "\"%s\" is not a regular file", path);
	if (status.st_mode & S_IROTH)
		load_warning(load, node->position, diags_hint(hint, "chmod o-r %s", path),
		             "everybody can read the secret in \"%s\"", path);
	return true;
}

static bool read_bytes(struct load *load, const struct node *node, const char *path,
                       int fd, struct slice *out)
{
	char bytes[SECRET_MAX + 3]; /* room for a CRLF and to see that there is more */
	ssize_t count = read(fd, bytes, sizeof bytes);
	if (count < 0)
		return load_error(load, node, NULL, "cannot read \"%s\": %s", path,
		                  strerror(errno));
	struct slice secret = {bytes, (size_t)count};
	while (secret.len > 0 &&
	       (bytes[secret.len - 1] == '\n' || bytes[secret.len - 1] == '\r'))
		secret.len--;
	if (secret.len < SECRET_MIN || secret.len > SECRET_MAX)
		return load_error(load, node,
		                  "head -c 32 /dev/urandom | base64 makes a good one",
		                  "the secret in \"%s\" must have %d to %d bytes", path,
		                  SECRET_MIN, SECRET_MAX);
	*out = arena_copy(load->arena, secret);
	return out->at || load_memory(load);
}

bool secret_read(struct load *load, const struct node *node, const char *path,
                 struct slice *out)
{
	/* Not blocking: the path may be a FIFO's. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return load_error(load, node, NULL, "cannot open \"%s\": %s", path,
		                  strerror(errno));
	bool good =
		check_file(load, node, path, fd) && read_bytes(load, node, path, fd, out);
	close(fd);
	return good;
}
