/* SPDX-License-Identifier: MIT */
/* expectations.h - the file of `signpost test`: calls, and what is to become of them.
 *
 *     rules: uk.yaml                  # default: uk.yaml for uk.test.yaml
 *     tests:
 *       - {call: "112", expect: emergency}
 *       - {call: "+44900123", expect: {status: 603 Barred}}
 *
 * or the list alone. signpost.test.yaml(5) has all keys.
 */
#ifndef SERVER_EXPECTATIONS_H
#define SERVER_EXPECTATIONS_H

#include "server/commands/expected.h"
#include "server/commands/question.h"

struct expectation {
	struct position position;
	struct slice name; /* default: the call */
	struct question question;
	struct position parts[QUESTION_PARTS]; /* of the question, where it has them */
	struct expected expected;
};

/* Paths are as seen from the working folder. One of the two is set. */
struct expectations {
	const char *settings_path; /* NULL: the built-in settings */
	const char *rules_path;    /* NULL: what the settings say */
	size_t count;
	const struct expectation *tests;
};

/* Reads path, which must outlive them, and adds every fault found to diags; NULL if there
 * is one. The caller frees them. */
struct expectations *expectations_load(const char *path, struct diags *diags);
void expectations_free(struct expectations *expectations);

#endif
