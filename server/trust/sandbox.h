/* SPDX-License-Identifier: MIT */
/* sandbox.h - the system calls that are left to a server that has started.
 *
 * A seccomp filter for all threads, those that are there and those to come: what serving,
 * reloading and stopping need, and nothing else. No program is started, no file written,
 * no connection made (unless gateways are probed), no other process traced or signalled.
 * sandbox.c lists the calls; where one is dangerous in general its arguments are looked
 * at as well, but not paths: what the user may open in /proc it may open here.
 *
 * A call that is not listed fails with ENOSYS, as on a kernel that does not have it:
 * nothing that a peer sends may end the server, and a newer C library falls back to an
 * older call. The kernel's audit log names it.
 */
#ifndef SERVER_SANDBOX_H
#define SERVER_SANDBOX_H

#include <stdbool.h>

enum sandbox_action {
	SANDBOX_REFUSE, /* ENOSYS */
	SANDBOX_KILL,   /* SIGSYS ends the process: for tests, where a call that the list
	                   lacks must not go unnoticed */
};

/* SANDBOX_KILL if the environment has SIGNPOST_SANDBOX=kill, as our tests have. */
enum sandbox_action sandbox_action(void);

/* A sanitizer, or the counting of covered lines, is built in, or it is run by valgrind:
 * those write files and start processes, and go without. */
bool sandbox_is_instrumented(void);

/* What settings may ask for beside serving. */
enum sandbox_feature {
	SANDBOX_APPENDING = 1,     /* opens files to append to them, and makes them */
	SANDBOX_CONNECTING = 2,    /* connects sockets, to probe gateways; and the next */
	SANDBOX_SETTING_FLAGS = 4, /* sets flags of descriptors, for sofia-sip's sockets:
	                              then files that may be appended to can be
	                              written over */
};

/* features: of sandbox_feature, or'ed. There is no way back. 0 or -errno; ENOMEM, or a
 * kernel without seccomp. */
int sandbox_enter(enum sandbox_action action, unsigned features);

#endif
