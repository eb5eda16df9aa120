/* SPDX-License-Identifier: MIT */
/* loop.h - libevent's loop, as our threads use it. */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

struct event_base;

/* For one thread, so without locks; event_base_free() frees it. NULL: out of memory. */
struct event_base *loop_new(void);

#endif
