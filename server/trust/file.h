/* SPDX-License-Identifier: MIT */
/* file.h - a file that the settings name, looked at before it is read. */
#ifndef SERVER_FILE_H
#define SERVER_FILE_H

#include "rules/diags.h"

/* Opens path for reading; it must be a regular file. secret: the word for what nobody
 * else may know of it ("key"), or NULL. Then a file that everybody can read is refused,
 * and from here on the process leaves no core dump and cannot be traced by its own user.
 * Returns the descriptor, or -1 after an error, which stands at position. */
int file_open(const char *path, const char *secret, struct position position,
              struct diags *diags);

#endif
