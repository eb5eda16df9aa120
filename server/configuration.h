/* SPDX-License-Identifier: MIT */
/* configuration.h - the settings and the routing table together, as every command loads
 * them. */
#ifndef SERVER_CONFIGURATION_H
#define SERVER_CONFIGURATION_H

#include "rules/diags.h"
#include "rules/table.h"
#include "server/log/sink.h"
#include "server/operations/filesums.h"
#include "server/operations/numbering.h"
#include "server/settings/settings.h"
#include "server/trust/certificates.h"
#include "server/trust/limiter.h"

struct configuration {
	const char *settings_path; /* -c; NULL: the built-in settings */
	const char *rules_path;    /* -r, else what the settings say; set by
	                              configuration_load() */
	struct settings *settings;
	struct table *table;
	struct certificates *certificates; /* NULL unless loaded */
	struct limiter *limiter;           /* likewise */
	struct health *health;             /* likewise: of the table's gateways */
	bool connects; /* in: its sandbox lets it connect, so gateways can be probed */
	struct numbering *numbering; /* NULL: nothing is counted */
	struct sink *sink; /* where the log is to go; NULL: where it goes. Taken away
	                      before the configuration is in force */
	bool serving;      /* in: root becomes the settings' user before it reads them */
	struct filesums
		*filesums;    /* of the table's files; NULL: no metrics, or no memory */
	int64_t loaded_at_s;  /* Unix time */
	double load_ms;       /* how long it took to read both */
	unsigned long serial; /* set by snapshot.h; no two have the same */
};

/* Loads both, and looks at what only both together can tell: Contacts that lead back to
 * our own listeners (an endless loop), rules for listeners that there are not.
 * settings_path and rules_path are set by the caller, who frees with
 * configuration_free(). All findings go to diags. False if any is an error. */
bool configuration_load(struct configuration *configuration, struct diags *diags);

/* Then loads what only a server needs, and may read: the files of TLS. And makes the
 * limiter, and opens the log. */
bool configuration_load_certificates(struct configuration *configuration,
                                     struct diags *diags);
void configuration_free(struct configuration *configuration);

/* Loads all of it again, as in_force was loaded, with the certificates; what cannot
 * change while it is in force stays, with a warning. Number tables that have not changed
 * are shared. Fills fresh; false after an error, then there is nothing to free. */
bool configuration_reload(struct configuration *fresh,
                          const struct configuration *in_force, struct diags *diags);

#define COUNTS_TEXT_MAX 256

/* "3 rules, 4 gateways, 1 group", and ", 2 tables" if there are some */
const char *configuration_counts(const struct table *table, char to[COUNTS_TEXT_MAX]);

#endif
