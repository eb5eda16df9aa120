/* SPDX-License-Identifier: MIT */
/* priority.h - does a request ask to come before others? RFC 4412. */
#ifndef SERVER_PRIORITY_H
#define SERVER_PRIORITY_H

#include "server/sip/message.h"

/* True if one of the values of Resource-Priority, which stand in one header field or in
 * several, is more than a routine. */
bool priority_is_asked(const struct message *message);

#endif
