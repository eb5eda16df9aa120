/* SPDX-License-Identifier: MIT */
#define SU_TIMER_ARG_T  struct resolver
#define SU_WAKEUP_ARG_T struct resolver
#include "server/operations/resolver.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <limits.h>
#include <netdb.h>
#include <stdlib.h>

#include "server/log/log.h"

#define TRY_MS      1000 /* for the first answer of a name server */
#define TRIES       2
#define TICK_MS     100 /* how often its deadlines are looked at */
#define SOCKETS_MAX 16

struct lookup {
	struct resolver *resolver;
	struct lookup **owner; /* NULL: dropped */
	lookup_found *found;
	void *arg;
	unsigned ttl_s;
	bool failed;      /* one of the questions */
	const char *name; /* whose addresses are asked for, of this family */
	int family;
	struct locating locating;
};

struct resolver {
	su_root_t *root;
	ares_channel channel;
	su_timer_t *timer;
	bool ends; /* no question may be asked any more */
	struct {
		ares_socket_t fd;
		int registered; /* 0: free */
		su_wait_t wait[1];
	} sockets[SOCKETS_MAX];
};

/* The loop */

static int on_ready(su_root_magic_t *magic, su_wait_t *wait, struct resolver *resolver)
{
	int events = su_wait_events(wait, wait->fd);
	(void)magic;
	ares_process_fd(resolver->channel,
	                events & (SU_WAIT_IN | SU_WAIT_ERR | SU_WAIT_HUP)
	                        ? wait->fd
	                        : ARES_SOCKET_BAD,
	                events & SU_WAIT_OUT ? wait->fd : ARES_SOCKET_BAD);
	return 0;
}

static void on_tick(su_root_magic_t *magic, su_timer_t *timer, struct resolver *resolver)
{
	(void)magic;
	(void)timer;
	ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

/* c-ares wants to hear of fd, or no more. Beyond SOCKETS_MAX its answers are lost, and
 * its deadlines end what waits for them. */
static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *resolver = arg;
	size_t free_at = SOCKETS_MAX;
	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		if (!resolver->sockets[i].registered) {
			free_at = i;
		} else if (resolver->sockets[i].fd == fd) {
			su_root_deregister(resolver->root,
			                   resolver->sockets[i].registered);
			resolver->sockets[i].registered = 0;
			free_at = i;
			break;
		}
	}
	if (free_at == SOCKETS_MAX || (!readable && !writable))
		return;
	su_wait_init(resolver->sockets[free_at].wait);
	su_wait_create(resolver->sockets[free_at].wait, fd,
	               (readable ? SU_WAIT_IN : 0) | (writable ? SU_WAIT_OUT : 0));
	resolver->sockets[free_at].fd = fd;
	int registered = su_root_register(resolver->root, resolver->sockets[free_at].wait,
	                                  on_ready, resolver, 0);
	resolver->sockets[free_at].registered = registered > 0 ? registered : 0;
}

struct resolver *resolver_new(su_root_t *root, const char *server)
{
	struct resolver *resolver = calloc(1, sizeof *resolver);
	struct ares_options options = {.timeout = TRY_MS,
	                               .tries = TRIES,
	                               .sock_state_cb = on_socket,
	                               .sock_state_cb_data = resolver,
	                               .ndomains = 0};
	const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB |
	                 ARES_OPT_DOMAINS;
	if (!resolver)
		return NULL;
	resolver->root = root;
	resolver->timer = su_timer_create(su_root_task(root), TICK_MS);
	if (!resolver->timer ||
	    ares_init_options(&resolver->channel, &options, mask) != ARES_SUCCESS) {
		su_timer_destroy(resolver->timer);
		free(resolver);
		return NULL;
	}
	int status = server ? ares_set_servers_ports_csv(resolver->channel, server)
	                    : ARES_SUCCESS;
	if (status != ARES_SUCCESS)
		log_event(LOG_WARNING, "name server not used resolver=%s error=\"%s\"",
		          server, ares_strerror(status));
	su_timer_set_for_ever(resolver->timer, on_tick, resolver);
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	resolver->ends = true;
	ares_destroy(resolver->channel);
	su_timer_destroy(resolver->timer);
	free(resolver);
}

/* Answers */

static void end(struct lookup *lookup, enum lookup_result result)
{
	if (lookup->owner) {
		*lookup->owner = NULL;
		lookup->found(lookup->arg, result, &lookup->locating, lookup->ttl_s);
	}
	free(lookup);
}

static bool is_over(const struct lookup *lookup)
{
	return !lookup->owner || lookup->resolver->ends;
}

/* No records is an answer. */
static bool is_answered(int status)
{
	return status == ARES_SUCCESS || status == ARES_ENODATA ||
	       status == ARES_ENOTFOUND;
}

/* Old name servers do not know NAPTR and SRV: then there are no such records. */
static bool is_unknown_type(int status)
{
	return status == ARES_ENOTIMP || status == ARES_EFORMERR;
}

/* The shortest time to live of the records of an answer (RFC 1035 4.1); what is broken
 * has none. c-ares tells that of addresses only. */
static unsigned shortest_ttl(const unsigned char *text, int len)
{
	unsigned shortest = UINT_MAX;
	if (len < NS_HFIXEDSZ)
		return 0;
	unsigned questions = (unsigned)text[4] << 8 | text[5];
	unsigned records = questions + ((unsigned)text[6] << 8 | text[7]);
	const unsigned char *at = text + NS_HFIXEDSZ, *stop = text + len;
	for (unsigned i = 0; i < records; i++) {
		char *name;
		long skipped;
		if (ares_expand_name(at, text, len, &name, &skipped) != ARES_SUCCESS)
			return 0;
		ares_free_string(name);
		at += skipped;
		if (stop - at < (i < questions ? NS_QFIXEDSZ : NS_RRFIXEDSZ))
			return 0;
		if (i < questions) {
			at += NS_QFIXEDSZ;
			continue;
		}
		unsigned ttl = (unsigned)at[4] << 24 | (unsigned)at[5] << 16 |
		               (unsigned)at[6] << 8 | at[7];
		long size = (long)at[8] << 8 | at[9];
		if (stop - at - NS_RRFIXEDSZ < size)
			return 0;
		at += NS_RRFIXEDSZ + size;
		shortest = ttl < shortest ? ttl : shortest;
	}
	return shortest;
}

static void note_ttl(struct lookup *lookup, unsigned ttl_s)
{
	if (ttl_s < lookup->ttl_s)
		lookup->ttl_s = ttl_s;
}

/* A question without an answer counts as one without records: others may still lead to
 * an address. */
static void note_failure(struct lookup *lookup)
{
	lookup->failed = true;
	note_ttl(lookup, 0);
}

static void ask_next(struct lookup *lookup);
static void ask_addresses(struct lookup *lookup, const char *name, int family);

static void on_naptr(void *arg, int status, int timeouts, unsigned char *text, int len)
{
	struct lookup *lookup = arg;
	struct naptr_record records[LOCATE_RECORDS_MAX];
	struct ares_naptr_reply *replies = NULL;
	size_t count = 0;
	(void)timeouts;
	if (is_over(lookup)) {
		end(lookup, LOOKUP_FAILED);
		return;
	}
	if (!is_answered(status) && !is_unknown_type(status))
		note_failure(lookup);
	if (status == ARES_SUCCESS &&
	    ares_parse_naptr_reply(text, len, &replies) == ARES_SUCCESS)
		note_ttl(lookup, shortest_ttl(text, len));
	for (struct ares_naptr_reply *r = replies; r && count < LOCATE_RECORDS_MAX;
	     r = r->next)
		records[count++] = (struct naptr_record){
			r->order, r->preference, (const char *)r->flags,
			(const char *)r->service, r->replacement};
	locate_take_naptr(&lookup->locating, records, count);
	ares_free_data(replies);
	ask_next(lookup);
}

static void on_srv(void *arg, int status, int timeouts, unsigned char *text, int len)
{
	struct lookup *lookup = arg;
	struct srv_record records[LOCATE_RECORDS_MAX];
	struct ares_srv_reply *replies = NULL;
	size_t count = 0;
	(void)timeouts;
	if (is_over(lookup)) {
		end(lookup, LOOKUP_FAILED);
		return;
	}
	if (!is_answered(status) && !is_unknown_type(status)) {
		note_failure(lookup);
		/* Whether the host itself, at port 5060, is it is not known. */
		lookup->locating.fell_back = true;
	}
	if (status == ARES_SUCCESS &&
	    ares_parse_srv_reply(text, len, &replies) == ARES_SUCCESS)
		note_ttl(lookup, shortest_ttl(text, len));
	for (struct ares_srv_reply *r = replies; r && count < LOCATE_RECORDS_MAX;
	     r = r->next)
		records[count++] =
			(struct srv_record){r->priority, r->weight, r->port, r->host};
	locate_take_srv(&lookup->locating, records, count);
	ares_free_data(replies);
	ask_next(lookup);
}

static void on_addresses(void *arg, int status, int timeouts,
                         struct ares_addrinfo *addresses)
{
	struct lookup *lookup = arg;
	struct endpoint endpoint;
	(void)timeouts;
	if (is_over(lookup)) {
		ares_freeaddrinfo(addresses);
		end(lookup, LOOKUP_FAILED);
		return;
	}
	if (!is_answered(status))
		note_failure(lookup);
	for (struct ares_addrinfo_node *n = addresses ? addresses->nodes : NULL; n;
	     n = n->ai_next) {
		if (!endpoint_from_sockaddr(TRANSPORT_UDP, n->ai_addr, &endpoint))
			continue;
		note_ttl(lookup, n->ai_ttl < 0 ? 0 : (unsigned)n->ai_ttl);
		locate_take_address(&lookup->locating, &endpoint.address);
	}
	ares_freeaddrinfo(addresses);
	if (lookup->family == AF_INET)
		ask_addresses(lookup, lookup->name, AF_INET6);
	else
		ask_next(lookup);
}

/* One family after the other: of two at once c-ares hides the failure of one behind the
 * other's answer. */
static void ask_addresses(struct lookup *lookup, const char *name, int family)
{
	const struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT,
	                                          .ai_family = family};
	lookup->name = name;
	lookup->family = family;
	ares_getaddrinfo(lookup->resolver->channel, name, NULL, &hints, on_addresses,
	                 lookup);
}

static void ask_next(struct lookup *lookup)
{
	ares_channel channel = lookup->resolver->channel;
	const char *name;
	switch (locate_next(&lookup->locating, &name)) {
	case LOCATE_NAPTR:
		ares_query(channel, name, ns_c_in, ns_t_naptr, on_naptr, lookup);
		break;
	case LOCATE_SRV:
		ares_query(channel, name, ns_c_in, ns_t_srv, on_srv, lookup);
		break;
	case LOCATE_ADDRESSES:
		ask_addresses(lookup, name, AF_INET);
		break;
	case LOCATE_DONE:
		end(lookup, lookup->locating.address_count ? LOOKUP_FOUND
		            : lookup->failed               ? LOOKUP_FAILED
		                                           : LOOKUP_NOTHING);
		break;
	}
}

void resolver_ask(struct resolver *resolver, const struct gateway_view *gateway,
                  lookup_found *found, void *arg, struct lookup **owner)
{
	struct lookup *lookup = malloc(sizeof *lookup);
	*owner = lookup;
	if (!lookup) {
		found(arg, LOOKUP_FAILED, NULL, 0);
		return;
	}
	lookup->resolver = resolver;
	lookup->owner = owner;
	lookup->found = found;
	lookup->arg = arg;
	lookup->ttl_s = UINT_MAX;
	lookup->failed = false;
	locate_begin(&lookup->locating, gateway->host, gateway->port, gateway->transport);
	ask_next(lookup);
}

void resolver_drop(struct lookup **owner)
{
	if (*owner)
		(*owner)->owner = NULL;
	*owner = NULL;
}
