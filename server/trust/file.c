/* SPDX-License-Identifier: MIT */
#include "server/trust/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The limit alone would not keep a core_pattern that is a pipe from getting one. */
static void forbid_dumps(void)
{
	const struct rlimit none = {0, 0};
	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
}

static bool is_fit(int fd, const char *path, const char *secret, struct position position,
                   struct diags *diags)
{
	struct stat status;
	char hint[DIAGS_HINT_MAX];
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		diags_add(diags, SEVERITY_ERROR, position, NULL,
		          "\"%s\" is not a regular file", path);
	else if (secret && (status.st_mode & S_IROTH))
		diags_add(diags, SEVERITY_ERROR, position,
		          diags_hint(hint, "chmod o-r %s", path),
		          "everybody can read the %s in \"%s\"", secret, path);
	else
		return true;
	return false;
}

int file_open(const char *path, const char *secret, struct position position,
              struct diags *diags)
{
	/* Not blocking: the path may be a FIFO's. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		diags_add(diags, SEVERITY_ERROR, position, NULL, "cannot open \"%s\": %s",
		          path, strerror(errno));
		return -1;
	}
	if (!is_fit(fd, path, secret, position, diags)) {
		close(fd);
		return -1;
	}
	if (secret)
		forbid_dumps();
	return fd;
}
