/* SPDX-License-Identifier: MIT */
/* locate.h - where requests to a host name go: RFC 3263, as questions to DNS one after
 * the other. Pure: whoever asks them gives the answers back.
 *
 *     host with a port                      → its addresses
 *     host with a transport                 → SRV of that transport, else its addresses
 *     host                                  → NAPTR, else SRV of UDP and TCP, else
 * addresses
 *
 * Records are foreign input: LOCATE_SERVICES_MAX services, LOCATE_SERVERS_MAX servers and
 * LOCATE_ADDRESSES_MAX addresses are used, the best first; further ones are not.
 */
#ifndef SERVER_LOCATE_H
#define SERVER_LOCATE_H

#include "rules/table.h"
#include "server/sip/endpoint.h"

#define LOCATE_NAME_MAX      256 /* bytes of a name, the NUL included */
#define LOCATE_SERVICES_MAX  4
#define LOCATE_SERVERS_MAX   8
#define LOCATE_ADDRESSES_MAX 16
#define LOCATE_RECORDS_MAX   64 /* of one answer that are looked at */

enum locate_question { LOCATE_NAPTR, LOCATE_SRV, LOCATE_ADDRESSES, LOCATE_DONE };

struct locating {
	char host[LOCATE_NAME_MAX];
	unsigned port;
	enum probed_transport transport;
	bool asked_naptr, fell_back;
	size_t service_count, services_asked;
	struct {
		char name[LOCATE_NAME_MAX];
		enum transport transport;
	} services[LOCATE_SERVICES_MAX];
	size_t server_count, servers_asked;
	struct {
		char name[LOCATE_NAME_MAX];
		unsigned port;
		enum transport transport;
	} servers[LOCATE_SERVERS_MAX];
	size_t address_count;
	struct endpoint addresses[LOCATE_ADDRESSES_MAX]; /* in the order to try them */
};

struct naptr_record {
	unsigned order, preference;
	const char *flags, *service, *replacement;
};

struct srv_record {
	unsigned priority, weight, port;
	const char *target;
};

/* port 0: not given. */
void locate_begin(struct locating *locating, struct slice host, unsigned port,
                  enum probed_transport transport);

/* What is to be asked next, and of which name. The answer is given to the function that
 * follows before the next question; no records: there are none. */
enum locate_question locate_next(struct locating *locating, const char **name);

/* Sorts records. Of the services that we speak those of the lowest order are used. */
void locate_take_naptr(struct locating *locating, struct naptr_record *records,
                       size_t count);

/* Sorts records: by priority, and in one priority the greatest weight first. */
void locate_take_srv(struct locating *locating, struct srv_record *records, size_t count);

void locate_take_address(struct locating *locating, const struct address *address);

#endif
