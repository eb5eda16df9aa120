/* SPDX-License-Identifier: MIT */
/* serve.h - `signpost serve`: the process, from start to stop. */
#ifndef SERVER_SERVE_H
#define SERVER_SERVE_H

#include "server/configuration.h"

/* Call first of all: a SIGHUP or SIGTERM that comes while the files are loaded waits
 * until they are, instead of ending the process. */
void serve_block_signals(void);

/* Runs until SIGTERM or SIGINT; SIGHUP reloads. Takes what is loaded in
 * configuration and leaves its pointers NULL. Returns the exit status. */
int serve(struct configuration *configuration);

#endif
