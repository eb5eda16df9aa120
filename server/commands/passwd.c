/* SPDX-License-Identifier: MIT */
#include "server/commands/passwd.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "server/trust/realm.h"

#define TYPED_MAX (USER_BYTES_MAX + 2) /* sees that there is more, or the newline */
#define TEXT_MAX  (TYPED_MAX + 1)      /* and a NUL */

static bool complain(const char *what)
{
	fprintf(stderr, "signpost: %s\n", what);
	return false;
}

/* Up to the end of the line. Not with stdio, whose buffer would keep it. */
static bool read_line(char text[TEXT_MAX], struct slice *line)
{
	size_t len = 0;
	ssize_t got = 1;
	while (len < TYPED_MAX && got == 1 && !(len && text[len - 1] == '\n')) {
		got = read(STDIN_FILENO, text + len, 1);
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got == 1)
			len++;
	}
	struct slice all = {text, len};
	*line = (struct slice){
		text, slice_find((struct slice){text, slice_find(all, '\n')}, '\r')};
	text[line->len] = '\0';
	return got >= 0;
}

static bool is_utf8(struct slice text)
{
	while (text.len && slice_utf8(text))
		text = slice_skip(text, slice_utf8(text));
	return !text.len;
}

/* OpenSSL asks, and puts the terminal in order after a signal as well; but it prompts
 * before it turns the echo off. */
static bool ask_terminal(char text[TEXT_MAX])
{
	struct termios before, silent;
	if (tcgetattr(STDIN_FILENO, &before) != 0)
		return false;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(STDIN_FILENO, TCSANOW, &silent);
	bool good = EVP_read_pw_string(text, TYPED_MAX, "Password: ", 1) == 0;
	tcsetattr(STDIN_FILENO, TCSANOW, &before);
	return good;
}

static bool ask(char text[TEXT_MAX])
{
	struct slice password = {text, 0};
	bool here = isatty(STDIN_FILENO);
	if (here && !ask_terminal(text))
		return complain("no password, or not twice the same");
	if (!here && !read_line(text, &password))
		return complain(strerror(errno));
	if (here)
		password.len = strlen(text);
	if (!password.len || password.len > USER_BYTES_MAX ||
	    slice_has_control(password) || !is_utf8(password))
		return complain("a password has 1 to 256 bytes of UTF-8, no control "
		                "characters among them");
	return true;
}

/* As YAML has it. */
static void put_quoted(const char *text)
{
	putchar('"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
	putchar('"');
}

static bool print_hashes(const char *user, const char *realm, const char *password)
{
	struct hasher *hasher = hasher_new();
	char ha1[DIGEST_ALGORITHMS][HASH_TEXT_MAX];
	bool good = hasher;
	for (enum digest_algorithm i = 0; good && i < DIGEST_ALGORITHMS; i++)
		good = hasher_ha1(hasher, i, slice_of(user), slice_of(realm),
		                  slice_of(password), ha1[i]);
	hasher_free(hasher);
	if (!good)
		return complain("OpenSSL has no SHA-256 or no MD5");
	put_quoted(user);
	printf(": {ha1_sha256: %s, ha1_md5: %s}\n", ha1[DIGEST_SHA256], ha1[DIGEST_MD5]);
	explicit_bzero(ha1, sizeof ha1);
	return true;
}

static void print_password(const char *user, const char *password)
{
	static char buffer[BUFSIZ]; /* stdout's, so that it can be wiped */
	setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
	put_quoted(user);
	fputs(": {password: ", stdout);
	put_quoted(password);
	puts("}");
	fflush(stdout);
	explicit_bzero(buffer, sizeof buffer);
}

int passwd(const char *user, const char *realm)
{
	char password[TEXT_MAX];
	bool good = false;
	if (!users_name_is_good(slice_of(user)))
		complain("a user's name has 1 to 128 bytes of UTF-8, no colon and no "
		         "control character");
	else if (realm && !realm_name_is_good(slice_of(realm)))
		complain("a realm has 1 to 128 ASCII characters, no \" \\ and : among "
		         "them");
	else if (ask(password))
		good = !realm || print_hashes(user, realm, password);
	if (good && !realm)
		print_password(user, password);
	explicit_bzero(password, sizeof password);
	return good && fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
