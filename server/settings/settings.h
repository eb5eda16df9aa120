/* SPDX-License-Identifier: MIT */
/* settings.h - signpost.yaml: who may talk to the server, where it listens, how it logs.
 */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "rules/diags.h"
#include "rules/dialect.h"
#include "rules/headers.h"
#include "rules/network.h"
#include "rules/slice.h"
#include "server/settings/limits.h"
#include "server/settings/metrics.h"
#include "server/sip/endpoint.h"
#include "server/trust/credentials.h"
#include "server/trust/quota.h"
#include "server/trust/realm.h"

struct peer {
	struct slice name;
	size_t network_count;
	const struct network *networks;
	size_t tls_name_count;
	const struct slice *tls_names; /* of its certificates; see identity.h */
	const struct dialect *dialect; /* NULL: the universal one */
	struct extra_headers extra;    /* added to its answers */
	struct quota quota;
	bool spoofable; /* over UDP its answers are no larger than SPOOFABLE_TIMES the
	                   request */
	size_t number;  /* of settings->peers */
};

#define SPOOFABLE_TIMES 3

/* Whose sockets a profile uses: our own doors, or the nta agent of sofia-sip, which is
 * kept as the reference that they are held against. */
enum stack { STACK_OURS, STACK_NTA };

struct profile {
	struct slice name;
	size_t peer_count;
	const struct peer *const *peers;
	const struct peers *lookup; /* of their networks */
	enum stack stack;
	const struct credentials *credentials; /* NULL: no TLS */
	bool identifies; /* a certificate may tell a peer, so TLS waits for it */
	const struct realm *realm; /* NULL: nobody is asked who he is */
	size_t number;             /* of settings->profiles */
};

struct listen {
	struct endpoint endpoint;
	struct slice text; /* endpoint_text(), NUL-terminated */
	const struct profile *profile;
	struct position position; /* in the file; line 0 for the built-in default */
	bool unopened; /* of nta, and it was not there when the server started */
};

/* Which door keeps a listener. */
enum door { DOOR_AGENT, DOOR_DATAGRAM, DOOR_STREAM };
enum door listen_door(const struct listen *listen);

/* How UDP workers share the datagrams of an address. */
enum spread {
	SPREAD_FLOW,   /* by their source: one trunk, one worker */
	SPREAD_PACKET, /* at random */
};

enum log_calls { LOG_CALLS_ALL, LOG_CALLS_REJECTED, LOG_CALLS_NONE, LOG_CALLS_SAMPLED };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum log_to { LOG_TO_STDERR, LOG_TO_FILE, LOG_TO_SYSLOG };

#define LOG_ONE_IN_MAX 1000000

#define LISTENS_MAX 256 /* of all profiles together */
#define WORKERS_MAX 64
#define SECRET_MIN  16 /* bytes */
#define SECRET_MAX  4096
#define METHODS_MAX 16

/* Whom a server that was started as root becomes; see privilege.h. */
struct account {
	struct slice user, group; /* empty: not said */
	struct position user_at, group_at;
};

/* Read-only after loading. */
struct settings {
	size_t listen_count;
	const struct listen *listens;
	size_t profile_count;
	const struct profile *const *profiles;
	size_t peer_count;
	const struct peer *const *peers; /* all, in no profile as well */
	struct rate rate;                /* of all peers together */
	/* Resolved against the settings file's folder; NULL without a file. */
	const char *rules_path;
	struct position secret_position; /* where it is named */
	struct slice secret; /* the file's bytes without trailing line ends; or empty */
	struct account account;
	bool sandbox;
	const char *resolver;   /* "192.0.2.1:53", for c-ares; NULL: of resolv.conf */
	unsigned long drain_ms; /* from SIGTERM to the end; 0: at once */
	enum spread spread;
	unsigned workers; /* 1..WORKERS_MAX; "auto" is resolved to the cores */
	enum log_calls log_calls;
	unsigned long log_one_in; /* LOG_CALLS_SAMPLED: 1..LOG_ONE_IN_MAX */
	enum log_format log_format;
	enum log_to log_to;
	const char *log_path;         /* of the file, or of syslog's socket */
	struct position log_position; /* where that is named */
	enum log_to log_first; /* at the start: if it is a file the sandbox lets files be
	                          made */
	bool mirrors;          /* hep: messages are copied to mirror_to */
	struct endpoint mirror_to;
	unsigned long mirror_id;
	size_t method_count; /* methods answered like INVITE */
	struct slice methods[METHODS_MAX];
	const char *allow; /* value of the Allow header: methods, ACK, CANCEL, OPTIONS */
	struct limits limits;
	struct metrics metrics;
	size_t realm_count; /* all that were read, to be freed */
	struct realm *const *realms;
};

/* Reads path; NULL path: the built-in settings (loopback only). Adds every fault found to
 * diags; NULL if any is an error. The caller frees. */
struct settings *settings_load(const char *path, struct diags *diags);
void settings_free(struct settings *settings);

/* Reads of path only whom root is to become, and opens no other file: of what is returned
 * only the account is set. NULL after an error, also if the file cannot be read. The
 * caller frees with settings_free(). */
struct settings *settings_load_account(const char *path, struct diags *diags);

/* Overwrites the secret's bytes, once all keys have been drawn from them. Its length
 * stays.
 */
void settings_wipe(struct settings *settings);

/* The same while in_force is in force, which may be NULL: what then cannot change stays
 * as it is there, and is a warning: workers, spread, sandbox, user, the stack of a
 * profile, listeners of nta. */
struct settings *settings_reload(const char *path, const struct settings *in_force,
                                 struct diags *diags);

/* The listener of door at endpoint; NULL: there is none. */
const struct listen *settings_listen(const struct settings *settings, enum door door,
                                     const struct endpoint *endpoint);

/* How many listeners door keeps. */
size_t settings_count(const struct settings *settings, enum door door);

/* The peer of profile that address belongs to; the most specific network wins. NULL: a
 * stranger. */
const struct peer *profile_peer(const struct profile *profile,
                                const struct address *address);

#endif
