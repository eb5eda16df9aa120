/* SPDX-License-Identifier: MIT */
#include "server/operations/locate.h"

#include <stdlib.h>
#include <strings.h>

static void add_service(struct locating *locating, const char *prefix, const char *name,
                        enum transport transport)
{
	if (locating->service_count == LOCATE_SERVICES_MAX ||
	    strlen(prefix) + strlen(name) >= LOCATE_NAME_MAX)
		return;
	char *to = locating->services[locating->service_count].name;
	strcpy(to, prefix);
	strcat(to, name);
	locating->services[locating->service_count++].transport = transport;
}

static void add_server(struct locating *locating, const char *name, unsigned port,
                       enum transport transport)
{
	if (locating->server_count == LOCATE_SERVERS_MAX ||
	    strlen(name) >= LOCATE_NAME_MAX)
		return;
	strcpy(locating->servers[locating->server_count].name, name);
	locating->servers[locating->server_count].port = port;
	locating->servers[locating->server_count++].transport = transport;
}

static enum transport transport_of(const struct locating *locating)
{
	return locating->transport == PROBED_TCP ? TRANSPORT_TCP : TRANSPORT_UDP;
}

void locate_begin(struct locating *locating, struct slice host, unsigned port,
                  enum probed_transport transport)
{
	*locating = (struct locating){.port = port, .transport = transport};
	if (host.len < LOCATE_NAME_MAX)
		memcpy(locating->host, host.at, host.len);
	locating->asked_naptr = port || transport != PROBED_ANY;
	if (port)
		return;
	if (transport == PROBED_UDP)
		add_service(locating, "_sip._udp.", locating->host, TRANSPORT_UDP);
	if (transport == PROBED_TCP)
		add_service(locating, "_sip._tcp.", locating->host, TRANSPORT_TCP);
}

enum locate_question locate_next(struct locating *locating, const char **name)
{
	*name = locating->host;
	if (!locating->asked_naptr)
		return LOCATE_NAPTR;
	if (locating->services_asked < locating->service_count) {
		*name = locating->services[locating->services_asked].name;
		return LOCATE_SRV;
	}
	/* RFC 3263 4.2: no SRV records at all, or a port. */
	if (!locating->server_count && !locating->fell_back)
		add_server(locating, locating->host,
		           locating->port ? locating->port : ENDPOINT_PORT,
		           transport_of(locating));
	locating->fell_back = true;
	if (locating->servers_asked == locating->server_count ||
	    locating->address_count == LOCATE_ADDRESSES_MAX)
		return LOCATE_DONE;
	*name = locating->servers[locating->servers_asked++].name;
	return LOCATE_ADDRESSES;
}

static int compare_naptr(const void *a, const void *b)
{
	const struct naptr_record *x = a, *y = b;
	if (x->order != y->order)
		return x->order < y->order ? -1 : 1;
	return x->preference < y->preference ? -1 : x->preference > y->preference;
}

void locate_take_naptr(struct locating *locating, struct naptr_record *records,
                       size_t count)
{
	const struct naptr_record *first = NULL;
	locating->asked_naptr = true;
	qsort(records, count, sizeof *records, compare_naptr);
	for (size_t i = 0; i < count; i++) {
		const struct naptr_record *record = &records[i];
		bool udp = strcasecmp(record->service, "SIP+D2U") == 0;
		bool tcp = strcasecmp(record->service, "SIP+D2T") == 0;
		if (strcasecmp(record->flags, "s") != 0 || (!udp && !tcp) ||
		    (first && first->order != record->order))
			continue;
		first = first ? first : record;
		add_service(locating, "", record->replacement,
		            udp ? TRANSPORT_UDP : TRANSPORT_TCP);
	}
	if (first)
		return;
	add_service(locating, "_sip._udp.", locating->host, TRANSPORT_UDP);
	add_service(locating, "_sip._tcp.", locating->host, TRANSPORT_TCP);
}

static int compare_srv(const void *a, const void *b)
{
	const struct srv_record *x = a, *y = b;
	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	return x->weight > y->weight ? -1 : x->weight < y->weight;
}

void locate_take_srv(struct locating *locating, struct srv_record *records, size_t count)
{
	enum transport transport =
		locating->services[locating->services_asked++].transport;
	qsort(records, count, sizeof *records, compare_srv);
	for (size_t i = 0; i < count; i++) {
		/* RFC 2782: "." is a service that is decidedly not there. */
		locating->fell_back = true;
		if (records[i].target[0] && strcmp(records[i].target, ".") != 0 &&
		    records[i].port)
			add_server(locating, records[i].target, records[i].port,
			           transport);
	}
}

void locate_take_address(struct locating *locating, const struct address *address)
{
	const size_t server = locating->servers_asked - 1;
	if (locating->address_count < LOCATE_ADDRESSES_MAX)
		locating->addresses[locating->address_count++] =
			(struct endpoint){locating->servers[server].transport, *address,
		                          (uint16_t)locating->servers[server].port};
}
