/* SPDX-License-Identifier: MIT */
/* question.h - a call as somebody asks about it, and the request that makes it. */
#ifndef SERVER_QUESTION_H
#define SERVER_QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arrival;  /* door.h */
struct tag_keys; /* tag.h */
struct settings; /* settings.h */
struct table;    /* rules/table.h */

#define QUESTION_HEADERS_MAX 32

/* NULL: not given. Texts stay the asker's. */
struct question {
	const char *call;   /* a number, a user or a URI */
	const char *caller; /* likewise; default the user, else "anonymous" */
	const char *user;   /* who proves to be it: a user of the profile's auth */
	const char *host;   /* of the Request-URI, if call is no URI; default: the
	                       listener */
	const char *peer;   /* who asks: default source and listener are this peer's */
	/* Parameters of the called number, which is no URI then. */
	const char *rn, *cic, *tgrp, *trunk_context;
	bool npdi;
	const char *profile; /* default listener: the first of this profile */
	const char *source;  /* address[:port]; default: an address of the peer, or of the
	                        first peer of the profile */
	const char *listener;                      /* default: the first one */
	const char *method;                        /* default INVITE */
	const char *call_id;                       /* default "route" */
	const char *at;                            /* when, see moment.h; default: now */
	const char *headers[QUESTION_HEADERS_MAX]; /* "Name: value" */
	size_t header_count;
};

enum question_part {
	QUESTION_CALL,
	QUESTION_CALLER,
	QUESTION_USER,
	QUESTION_HOST,
	QUESTION_RN,
	QUESTION_NPDI,
	QUESTION_CIC,
	QUESTION_TGRP,
	QUESTION_TRUNK_CONTEXT,
	QUESTION_PEER,
	QUESTION_PROFILE,
	QUESTION_SOURCE,
	QUESTION_LISTENER,
	QUESTION_METHOD,
	QUESTION_CALL_ID,
	QUESTION_AT,
	QUESTION_HEADERS,
	QUESTION_PARTS
};

/* Why a question makes no sense. */
struct question_fault {
	enum question_part part;
	const char *value; /* as the asker gave it */
	const char *why;   /* static text */
};

/* Where the request comes in, and from where. False if these settings have no such place;
 * arrival->peer is NULL if the profile does not let the source in. */
bool question_arrival(const struct question *question, const struct settings *settings,
                      struct arrival *arrival, struct question_fault *fault);

/* True if the texts can stand in a request. */
bool question_check(const struct question *question, struct question_fault *fault);

/* The moment of the call, as Unix time: by the clock of the table's zone if it has no
 * offset. */
bool question_now(const struct question *question, const struct table *table,
                  int64_t *now_s, struct question_fault *fault);

/* The request as text, to be freed; NULL when out of memory. The question has been
 * checked. A user's credentials answer the challenge that keys make at now_s. */
char *question_request(const struct question *question, const struct arrival *arrival,
                       const struct tag_keys *keys, int64_t now_s);

#endif
