/* SPDX-License-Identifier: MIT */
/* resolver.h - the addresses behind a host name, asked of DNS (c-ares) on sofia-sip's
 * loop: nothing waits for an answer. The questions are locate.h's. All calls from the
 * thread of root.
 */
#ifndef SERVER_RESOLVER_H
#define SERVER_RESOLVER_H

#include <sofia-sip/su_wait.h>

#include "server/operations/locate.h"

struct resolver;
struct lookup;

enum lookup_result {
	LOOKUP_FOUND,
	LOOKUP_NOTHING, /* DNS says that there is no address */
	LOOKUP_FAILED,  /* it does not say: there is none behind what has been answered,
	                   and something has not, or with an error */
};

/* server: "192.0.2.1:53", or NULL for those of resolv.conf. NULL when out of memory. */
struct resolver *resolver_new(su_root_t *root, const char *server);
void resolver_free(struct resolver *resolver); /* lookups fail first */

/* Asks; found is called once, perhaps before this function returns, unless the lookup is
 * dropped. ttl_s is that of the shortest-lived record, 0 if some could not be asked for.
 * Out of memory is LOOKUP_FAILED, perhaps with locating NULL. *lookup is NULL as soon as
 * it has ended. */
typedef void lookup_found(void *arg, enum lookup_result result,
                          const struct locating *locating, unsigned ttl_s);
void resolver_ask(struct resolver *resolver, const struct gateway_view *gateway,
                  lookup_found *found, void *arg, struct lookup **lookup);

/* found is not called any more; *lookup becomes NULL. */
void resolver_drop(struct lookup **lookup);

#endif
