/* SPDX-License-Identifier: MIT */
/* passwd.h - `signpost passwd`: an entry for a file of users. */
#ifndef SERVER_PASSWD_H
#define SERVER_PASSWD_H

/* Asks for a password, on the terminal without echo and twice, else one line of standard
 * input, and prints user's entry: with hashes for realm, or, realm being NULL, with the
 * password itself. Exit status. */
int passwd(const char *user, const char *realm);

#endif
