/* SPDX-License-Identifier: MIT */
#define NTA_OUTGOING_MAGIC_T struct inquiry
#include "server/operations/prober.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/su_tagarg.h>
#include <sofia-sip/tport_tag.h>

#include "server/doors/guard.h"
#include "server/sip/message.h"

#define STREAM_IDLE_MS 1000 /* a connection is closed after its answer */
#define LATER_MS       200  /* than whoever asks the library gives an answer up */
#define FORGET_MS      500  /* answers that come twice are known so long: RFC 3261's K */
#define INCOMPLETE_MS  5000 /* so is one that stops in the middle of a message */

struct source {
	struct address address;
	nta_agent_t *nta;
	size_t inquiries; /* on their way */
};

struct prober {
	su_root_t *root;
	unsigned timeout_ms;
	size_t source_count;
	struct source sources[PROBER_SOURCES_MAX];
};

struct inquiry {
	struct source *source;
	nta_outgoing_t *transaction;
	void (*answered)(void *arg, const struct prober_answer *answer);
	void *arg;
};

struct prober *prober_new(su_root_t *root)
{
	struct prober *prober = calloc(1, sizeof *prober);
	if (!prober)
		return NULL;
	prober->root = root;
	prober->timeout_ms = 2000;
	return prober;
}

void prober_free(struct prober *prober)
{
	if (!prober)
		return;
	for (size_t i = 0; i < prober->source_count; i++)
		nta_agent_destroy(prober->sources[i].nta);
	free(prober);
}

void prober_set_timeout(struct prober *prober, unsigned long timeout_ms)
{
	prober->timeout_ms = (unsigned)timeout_ms + LATER_MS;
	for (size_t i = 0; i < prober->source_count; i++)
		nta_agent_set_params(prober->sources[i].nta,
		                     NTATAG_SIP_T1X64(prober->timeout_ms), TAG_END());
}

/* Sources */

/* Where the kernel sends from: a datagram socket that is connected sends nothing. */
static bool find_source(const struct endpoint *to, struct endpoint *source)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(to, &address);
	errno = 0;
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool found = connect(fd, (struct sockaddr *)&address, len) == 0;
	len = sizeof address;
	found = found && getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
	        endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&address,
	                               source);
	close(fd);
	return found;
}

/* Whatever a gateway asks us on a connection that we have made. */
static int on_request(nta_agent_magic_t *magic, nta_agent_t *nta, msg_t *msg, sip_t *sip)
{
	(void)magic;
	(void)sip;
	nta_msg_discard(nta, msg);
	return 0;
}

/* Nobody connects to it; answers may come from another address than was asked. */
static bool admits_datagrams(void *arg, int fd, bool stream,
                             const struct sockaddr *source)
{
	(void)arg;
	(void)fd;
	(void)source;
	return !stream;
}

static void write_url(const struct address *address, const char *transport,
                      char url[ADDRESS_TEXT_MAX + 32])
{
	char text[ADDRESS_TEXT_MAX];
	bool v4 = address_is_v4(address);
	snprintf(url, ADDRESS_TEXT_MAX + 32, "sip:%s%s%s:*;transport=%s", v4 ? "" : "[",
	         address_text(address, text), v4 ? "" : "]", transport);
}

/* The transports one by one: a list of them is read wrongly by the library. */
static nta_agent_t *open_agent(const struct prober *prober, const struct address *address)
{
	char url[ADDRESS_TEXT_MAX + 32];
	guard_ask(admits_datagrams, NULL);
	guard_only_answers(true);
	write_url(address, "udp", url);
	nta_agent_t *nta = nta_agent_create(
		prober->root, URL_STRING_MAKE(url), on_request, NULL, NTATAG_STATELESS(1),
		NTATAG_UA(0), NTATAG_CLIENT_RPORT(1), NTATAG_USE_NAPTR(0),
		NTATAG_USE_SRV(0), NTATAG_SIP_T1X64(prober->timeout_ms),
		NTATAG_SIP_T4(FORGET_MS), NTATAG_MAXSIZE(MESSAGE_BUFFER_MAX),
		TPTAG_IDLE(STREAM_IDLE_MS), TPTAG_TIMEOUT(INCOMPLETE_MS),
		TPTAG_STUN_SERVER(0), TAG_END());
	write_url(address, "tcp", url);
	if (!nta || nta_agent_add_tport(nta, URL_STRING_MAKE(url), TAG_END()) == 0)
		return nta;
	nta_agent_destroy(nta);
	return NULL;
}

/* The source with the address; when there are too many, in the place of one that nobody
 * waits for. An agent that calls us has an inquiry until it returns, so that it is never
 * destroyed below its own feet. NULL if there is no place. */
static struct source *source_of(struct prober *prober, const struct address *address)
{
	struct source *idle = NULL;
	for (size_t i = 0; i < prober->source_count; i++) {
		struct source *source = &prober->sources[i];
		if (address_equal(&source->address, address))
			return source;
		if (!source->inquiries && !idle)
			idle = source;
	}
	bool full = prober->source_count == PROBER_SOURCES_MAX;
	struct source *place = full ? idle : &prober->sources[prober->source_count];
	nta_agent_t *nta = place ? open_agent(prober, address) : NULL;
	if (!nta)
		return NULL;
	if (full)
		nta_agent_destroy(place->nta);
	else
		prober->source_count++;
	*place = (struct source){.address = *address, .nta = nta};
	return place;
}

/* Asking */

static int on_answer(struct inquiry *inquiry, nta_outgoing_t *transaction,
                     const sip_t *sip)
{
	struct prober_answer answer = {0};
	int status = sip && sip->sip_status ? sip->sip_status->st_status
	                                    : nta_outgoing_status(transaction);
	if (status < 200)
		return 0;
	if (nta_sip_is_internal(sip))
		answer.why = status == 408 ? "no answer" : "not reached";
	else
		answer.status = status;
	if (answer.status && sip->sip_retry_after)
		answer.retry_after_s = sip->sip_retry_after->af_delta;
	inquiry->answered(inquiry->arg, &answer);
	prober_drop(inquiry);
	return 0;
}

static bool random_token(char to[33])
{
	unsigned char bytes[16];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return false;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(to + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

/* RFC 3261 11.1 */
static msg_t *make_request(nta_agent_t *nta, const char *uri)
{
	char tag[33], call_id[33], from[96], to[1200], target[1200];
	msg_t *msg = nta_msg_create(nta, 0);
	sip_t *sip = msg ? sip_object(msg) : NULL;
	if (!sip || !random_token(tag) || !random_token(call_id))
		return msg;
	snprintf(from, sizeof from, "<sip:signpost@anonymous.invalid>;tag=%s", tag);
	snprintf(to, sizeof to, "<%s>", uri);
	snprintf(target, sizeof target, "%s", uri);
	sip_request_t *request = sip_request_create(msg_home(msg), SIP_METHOD_OPTIONS,
	                                            URL_STRING_MAKE(target), NULL);
	if (!request ||
	    sip_add_tl(msg, sip, SIPTAG_REQUEST(request), SIPTAG_FROM_STR(from),
	               SIPTAG_TO_STR(to), SIPTAG_CALL_ID_STR(call_id),
	               SIPTAG_CSEQ_STR("1 OPTIONS"), SIPTAG_MAX_FORWARDS_STR("70"),
	               SIPTAG_USER_AGENT_STR("Signpost"), SIPTAG_CONTENT_LENGTH_STR("0"),
	               TAG_END()) < 0) {
		msg_destroy(msg);
		return NULL;
	}
	return msg;
}

/* To the address, whatever name the Request-URI has: the library looks none up. */
static nta_outgoing_t *send_request(nta_agent_t *nta, const struct endpoint *to,
                                    const char *uri, struct inquiry *inquiry)
{
	char hostport[ENDPOINT_TEXT_MAX], route[ENDPOINT_TEXT_MAX + 32];
	snprintf(route, sizeof route, "sip:%s;transport=%s",
	         endpoint_hostport(to, hostport),
	         to->transport == TRANSPORT_TCP ? "tcp" : "udp");
	msg_t *msg = make_request(nta, uri);
	nta_outgoing_t *transaction =
		msg ? nta_outgoing_mcreate(nta, on_answer, inquiry,
	                                   URL_STRING_MAKE(route), msg, TAG_END())
		    : NULL;
	if (!transaction)
		msg_destroy(msg);
	return transaction;
}

static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

struct inquiry *
prober_ask(struct prober *prober, const struct endpoint *to, const char *uri,
           void (*answered)(void *arg, const struct prober_answer *answer), void *arg,
           const char **why, bool *ours)
{
	struct endpoint from;
	struct inquiry *inquiry;
	*why = "no route to it";
	*ours = false;
	if (!find_source(to, &from)) {
		*ours = is_shortage(errno);
		return NULL;
	}
	*why = "no socket for it";
	*ours = true;
	struct source *source = source_of(prober, &from.address);
	if (!source || !(inquiry = malloc(sizeof *inquiry)))
		return NULL;
	*inquiry = (struct inquiry){.source = source, .answered = answered, .arg = arg};
	inquiry->transaction = send_request(source->nta, to, uri, inquiry);
	if (inquiry->transaction) {
		source->inquiries++;
		return inquiry;
	}
	*why = "it cannot be sent";
	free(inquiry);
	return NULL;
}

void prober_drop(struct inquiry *inquiry)
{
	if (!inquiry)
		return;
	nta_outgoing_destroy(inquiry->transaction);
	inquiry->source->inquiries--;
	free(inquiry);
}
