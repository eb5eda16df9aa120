/* SPDX-License-Identifier: MIT */
#include "server/operations/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static void read_memory(struct usage *usage)
{
	char text[128], *rest;
	FILE *file = fopen("/proc/self/statm", "re");
	if (!file)
		return;
	if (fgets(text, sizeof text, file)) { /* pages, resident ones, others */
		double size = (double)sysconf(_SC_PAGESIZE);
		usage->virtual_bytes = (double)strtoul(text, &rest, 10) * size;
		usage->resident_bytes = (double)strtoul(rest, NULL, 10) * size;
	}
	fclose(file);
}

/* Without the one that it is read by. */
static void read_descriptors(struct usage *usage)
{
	struct rlimit limit;
	DIR *folder = opendir("/proc/self/fd");
	if (folder) {
		usage->open_fds = -1;
		for (const struct dirent *entry; (entry = readdir(folder));)
			usage->open_fds += entry->d_name[0] != '.';
		closedir(folder);
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		usage->max_fds = (double)limit.rlim_cur;
}

struct usage usage_now(double start_s)
{
	struct usage usage = {.start_s = start_s};
	struct rusage used;
	if (getrusage(RUSAGE_SELF, &used) == 0)
		usage.cpu_s =
			(double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
			(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
	read_memory(&usage);
	read_descriptors(&usage);
	return usage;
}
