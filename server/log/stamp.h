/* SPDX-License-Identifier: MIT */
/* stamp.h - when something happened, as the log says it. */
#ifndef SERVER_STAMP_H
#define SERVER_STAMP_H

#include <stddef.h>
#include <stdint.h>

#define STAMP_MAX 32

/* Unix time in nanoseconds, now. */
int64_t stamp_now(void);

/* RFC 3339 in UTC with milliseconds, "2026-11-22T12:00:00.123Z", and a NUL; returns its
 * length. */
size_t stamp(int64_t time_ns, char to[STAMP_MAX]);

#endif
