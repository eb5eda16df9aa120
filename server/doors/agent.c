/* SPDX-License-Identifier: MIT */
#include "server/doors/agent.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SU_ROOT_MAGIC_T   struct agent
#define NTA_AGENT_MAGIC_T struct listener
#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>
#include <sofia-sip/su_tagarg.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

#include "rules/writer.h"
#include "server/doors/guard.h"
#include "server/log/log.h"
#include "server/trust/privilege.h"

#define IDLE_MS       (300 * 1000) /* a stream without traffic is closed */
#define INCOMPLETE_MS 5000         /* so is one that stops in the middle of a message */
#define QUEUE         64 /* replies waiting on a stream that does not read, then dropped */
#define RECEIVE_BYTES (4 << 20) /* socket buffer; the kernel gives what it may */

/* One address, and the nta agent that listens there. */
struct listener {
	struct agent *agent;
	struct endpoint endpoint; /* what is in force for it is looked up each time */
	nta_agent_t *nta;
};

struct agent {
	pthread_t thread;
	const struct settings *settings; /* while it starts */
	struct redirect *redirect;
	bool share;
	su_root_t *root;
	struct bell bell;
	const struct listen *failed;
	int error;
	struct reply reply;
	size_t listener_count;
	struct listener listeners[];
};

/* Sending */

/* The text as a message that sofia-sip sends as it is: it keeps what it parsed. Also
 * proof, for every reply, that the library can read it. */
static msg_t *message_to_send(const struct reply *reply)
{
	return msg_make(sip_default_mclass(), MSG_DO_EXTRACT_COPY, reply->text,
	                (ssize_t)reply->length);
}

static bool send_message(tport_t *tport, msg_t *msg, const struct reply *reply)
{
	char host[ADDRESS_TEXT_MAX], port[8];
	bool stream = tport_is_stream(tport);
	snprintf(port, sizeof port, "%u", (unsigned)reply->to.port);
	address_text(&reply->to.address, host);
	tp_name_t to = {.tpn_proto = stream ? "tcp" : "udp",
	                .tpn_canon = host,
	                .tpn_host = host,
	                .tpn_port = port};
	return tport_tsend(tport, msg, &to, TPTAG_MTU(INT32_MAX),
	                   TPTAG_SDWN_AFTER(stream && reply->close), TAG_END());
}

static void send_reply(tport_t *tport, const struct reply *reply)
{
	msg_t *msg = reply->length ? message_to_send(reply) : NULL;
	char to[ENDPOINT_TEXT_MAX];
	if (msg ? !send_message(tport, msg, reply) : reply->length > 0)
		log_often(LOG_UNSENDABLE, "reply not sent to=%s",
		          endpoint_text(&reply->to, to));
	if (!msg && reply->close && tport_is_stream(tport))
		tport_shutdown(tport, 2);
	msg_destroy(msg);
}

/* Receiving */

/* The head as it came, but for blanks around values; empty without memory for it. Not
 * msg_as_string(): that prints what nta is shown, and our fields are none it can print.
 */
static struct slice text_of(msg_t *msg, const struct message *message)
{
	size_t size = message->start_line.len + 4;
	for (size_t i = 0; i < message->field_count; i++)
		size += message->fields[i].name.len + message->fields[i].value.len + 4;
	char *text = su_alloc(msg_home(msg), (isize_t)size);
	if (!text)
		return (struct slice){0};
	struct writer writer = {text, size, 0, false};
	writer_put(&writer, message->start_line);
	WRITER_PUT(&writer, "\r\n");
	for (size_t i = 0; i < message->field_count; i++) {
		writer_put(&writer, message->fields[i].name);
		WRITER_PUT(&writer, ": ");
		writer_put(&writer, message->fields[i].value);
		WRITER_PUT(&writer, "\r\n");
	}
	WRITER_PUT(&writer, "\r\n");
	return (struct slice){text, writer.len};
}

/* A stream that cannot take a reply is not asked for one: behind a framing error nothing
 * is answered, and no connection is ever opened to a peer. */
static int on_message(struct listener *listener, nta_agent_t *nta, msg_t *msg, sip_t *sip)
{
	struct agent *agent = listener->agent;
	const struct message *message = sip->sip_request ? message_of(msg) : NULL;
	tport_t *tport = tport_delivered_by(nta_agent_tports(nta), msg);
	const struct settings *settings = redirect_hold(agent->redirect)->settings;
	struct arrival arrival = {
		.listen = settings_listen(settings, DOOR_AGENT, &listener->endpoint),
		.bytes = msg_size(msg)};
	if (message && tport && tport_is_clear_to_send(tport) && arrival.listen &&
	    endpoint_from_sockaddr(listener->endpoint.transport, &msg_addr(msg)->su_sa,
	                           &arrival.source)) {
		struct message whole = *message;
		if (settings->mirrors)
			whole.text = text_of(msg, message);
		redirect_answer(agent->redirect, &whole, &arrival, &agent->reply);
		send_reply(tport, &agent->reply);
		redirect_sent(agent->redirect);
	}
	redirect_let_go(agent->redirect);
	nta_msg_discard(nta, msg);
	return 0;
}

/* sofia-sip binds each address of the machine by itself where all are asked for. */
static bool is_or_covers(const struct address *listen, const struct address *here)
{
	return address_equal(listen, here) ||
	       (address_is_any(listen) && address_is_v4(listen) == address_is_v4(here));
}

static const struct listen *find_listen(const struct settings *settings,
                                        const struct endpoint *here)
{
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		const struct endpoint *endpoint = &listen->endpoint;
		if (listen_door(listen) == DOOR_AGENT &&
		    endpoint->transport == here->transport &&
		    endpoint->port == here->port &&
		    is_or_covers(&endpoint->address, &here->address))
			return listen;
	}
	return NULL;
}

/* Whether the source of a connection or a datagram may talk to the listener. */
static bool admits(void *arg, int fd, bool stream, const struct sockaddr *source)
{
	struct agent *agent = arg;
	enum transport transport = stream ? TRANSPORT_TCP : TRANSPORT_UDP;
	struct sockaddr_storage address;
	socklen_t len = sizeof address;
	struct endpoint here;
	struct arrival arrival = {0};
	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0 ||
	    !endpoint_from_sockaddr(transport, (struct sockaddr *)&address, &here) ||
	    !endpoint_from_sockaddr(transport, source, &arrival.source))
		return false;
	arrival.listen = find_listen(redirect_hold(agent->redirect)->settings, &here);
	bool admitted = arrival.listen && redirect_admits(agent->redirect, &arrival);
	redirect_let_go(agent->redirect);
	return admitted;
}

/* The thread */

static nta_agent_t *listen_on(struct agent *agent, struct listener *listener)
{
	const struct endpoint *endpoint = &listener->endpoint;
	bool stream = endpoint->transport == TRANSPORT_TCP;
	char hostport[ENDPOINT_TEXT_MAX], url[ENDPOINT_TEXT_MAX + 32];
	snprintf(url, sizeof url, "sip:%s;transport=%s",
	         endpoint_hostport(endpoint, hostport), stream ? "tcp" : "udp");
	errno = 0;
	return nta_agent_create(
		agent->root, URL_STRING_MAKE(url), on_message, listener,
		NTATAG_STATELESS(1), NTATAG_UA(0), NTATAG_SERVER_RPORT(0),
		NTATAG_MCLASS(message_class(stream)), NTATAG_MAXSIZE(MESSAGE_BUFFER_MAX),
		NTATAG_BAD_REQ_MASK(0), TPTAG_IDLE(IDLE_MS), TPTAG_TIMEOUT(INCOMPLETE_MS),
		TPTAG_QUEUESIZE(QUEUE), TPTAG_UDP_RMEM(RECEIVE_BYTES),
		TPTAG_STUN_SERVER(0), TPTAG_PONG2PING(1), TAG_END());
}

static bool open_listeners(struct agent *agent)
{
	guard_share_ports(agent->share);
	guard_ask(admits, agent);
	for (size_t i = 0; i < agent->settings->listen_count; i++) {
		const struct listen *listen = &agent->settings->listens[i];
		struct listener *listener = &agent->listeners[agent->listener_count];
		if (listen_door(listen) != DOOR_AGENT)
			continue;
		listener->agent = agent;
		listener->endpoint = listen->endpoint;
		listener->nta = listen_on(agent, listener);
		agent->listener_count += listener->nta != NULL;
		if (!listener->nta) {
			agent->failed = listen;
			agent->error = errno ? errno : EADDRNOTAVAIL;
			return false;
		}
	}
	return true;
}

static void close_listeners(struct agent *agent)
{
	for (size_t i = 0; i < agent->listener_count; i++)
		nta_agent_destroy(agent->listeners[i].nta);
}

static int on_bell(struct agent *agent, su_wait_t *wait, su_wakeup_arg_t *arg)
{
	(void)wait;
	(void)arg;
	if (bell_answer(&agent->bell) & BELL_STOP)
		su_root_break(agent->root);
	return 0;
}

static void work(struct agent *agent)
{
	su_wait_t wait[1] = {SU_WAIT_INIT};
	su_wait_create(wait, agent->bell.fd, SU_WAIT_IN);
	privilege_renounce(); /* this thread has bound its sockets itself */
	int registered = su_root_register(agent->root, wait, on_bell, NULL, 0);
	bell_done(&agent->bell);
	su_root_run(agent->root);
	su_root_deregister(agent->root, registered);
}

static void *run(void *arg)
{
	struct agent *agent = arg;
	agent->root = su_root_create(agent);
	bool open = agent->root && open_listeners(agent);
	if (!agent->root)
		agent->error = ENOMEM;
	if (open)
		work(agent);
	close_listeners(agent);
	su_root_destroy(agent->root);
	if (!open)
		bell_done(&agent->bell);
	return NULL;
}

struct agent *agent_start(const struct settings *settings, struct redirect *redirect,
                          bool share, const struct listen **failed, int *error)
{
	struct agent *agent = calloc(
		1, sizeof *agent + settings->listen_count * sizeof agent->listeners[0]);
	*failed = NULL;
	*error = ENOMEM;
	if (!agent)
		return NULL;
	agent->settings = settings;
	agent->redirect = redirect;
	agent->share = share;
	if (bell_init(&agent->bell) &&
	    pthread_create(&agent->thread, NULL, run, agent) == 0) {
		bell_wait(&agent->bell);
		if (!agent->error)
			return agent;
		pthread_join(agent->thread, NULL);
		*failed = agent->failed;
		*error = agent->error;
	}
	bell_fini(&agent->bell);
	free(agent);
	return NULL;
}

struct bell *agent_bell(struct agent *agent)
{
	return &agent->bell;
}

void agent_stop(struct agent *agent)
{
	bell_ring(&agent->bell, BELL_STOP);
	pthread_join(agent->thread, NULL);
	bell_fini(&agent->bell);
	free(agent);
}
