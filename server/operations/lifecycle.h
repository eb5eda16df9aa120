/* SPDX-License-Identifier: MIT */
/* lifecycle.h - where the server stands between its start and its end.
 *
 *     STARTING ─▶ SERVING ─▶ DRAINING ─▶ the process ends
 *                            calls are answered, OPTIONS with 503: whoever asks whether
 *                            we are there sends his next call to somebody else
 *
 * One for the process, as it has one life. Entered by the main thread only, in this
 * order; read by any thread.
 */
#ifndef SERVER_LIFECYCLE_H
#define SERVER_LIFECYCLE_H

enum lifecycle { LIFECYCLE_STARTING, LIFECYCLE_SERVING, LIFECYCLE_DRAINING };

void lifecycle_enter(enum lifecycle state);
enum lifecycle lifecycle_state(void);

/* "starting", "serving", "draining" */
const char *lifecycle_text(enum lifecycle state);

#endif
