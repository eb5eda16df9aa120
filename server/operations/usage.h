/* SPDX-License-Identifier: MIT */
/* usage.h - what the process has taken of the machine. */
#ifndef SERVER_USAGE_H
#define SERVER_USAGE_H

struct usage {
	double start_s;                                                 /* Unix time */
	double cpu_s, resident_bytes, virtual_bytes, open_fds, max_fds; /* 0: unknown */
};

/* start_s: when the process started. */
struct usage usage_now(double start_s);

#endif
