/* SPDX-License-Identifier: MIT */
#include "server/doors/datagram.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log/log.h"
#include "server/sip/scan.h"
#include "server/trust/privilege.h"

#define BATCH         32
#define RECEIVE_BYTES (8 << 20) /* socket buffer; the kernel gives what it may */
#define CONTROL_BYTES 128       /* packet info and the count of drops */

/* One address of one worker. */
struct inlet {
	struct endpoint endpoint;
	const struct listen *listen; /* in force; NULL: no more */
	int fd;
	bool shared; /* with the other workers, as it was passed */
	/* By the kernel, its queue being full; as last told. Of a shared one: by any. */
	_Atomic uint32_t *dropped;
	_Atomic uint32_t own_dropped;
};

/* One datagram and its reply. */
struct slot {
	struct sockaddr_storage from;
	struct iovec in_vector, out_vector;
	alignas(struct cmsghdr) char in_control[CONTROL_BYTES];
	alignas(struct cmsghdr) char out_control[CONTROL_BYTES];
	char text[MESSAGE_MAX + 1];
	struct reply reply;
};

struct inlets {
	size_t count;
	struct inlet *items[LISTENS_MAX];
};

struct datagram {
	pthread_t thread;
	struct redirect *redirect;
	struct activation *activation;
	unsigned long serial; /* of the configuration that inlets' listens are of */
	int epoll_fd;
	struct bell bell;
	struct inlets inlets; /* exchanged by the thread, while another waits for it */
	struct inlets bound;  /* not received on yet; of those who prepare and adopt */
	struct slot *slots;   /* [BATCH] */
	struct scan scan;
	struct mmsghdr in[BATCH], out[BATCH];
};

/* Sockets */

static bool set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

/* Where a datagram was sent to, so that the reply leaves from there; and what was lost.
 */
static bool set_options(int fd, const struct listen *listen)
{
	bool v4 = address_is_v4(&listen->endpoint.address);
	int bytes = 0; /* twice what was asked for */
	socklen_t len = sizeof bytes;
	getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, &len);
	if (bytes < 2 * RECEIVE_BYTES &&
	    !set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES))
		set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
	set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	return !address_is_any(&listen->endpoint.address) ||
	       (v4 ? set(fd, IPPROTO_IP, IP_PKTINFO, 1)
	           : set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1));
}

/* Of one that is to be bound. */
static bool set_own_options(int fd, const struct listen *listen)
{
	return (address_is_v4(&listen->endpoint.address) ||
	        set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
	       set(fd, SOL_SOCKET, SO_REUSEPORT, 1) && set_options(fd, listen);
}

static int open_socket(const struct listen *listen)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&listen->endpoint, &address);
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && set_own_options(fd, listen) &&
	    bind(fd, (struct sockaddr *)&address, len) == 0) {
		/* guard.h's filter is for nta; the kernel would count what it drops */
		set(fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
		return fd;
	}
	int error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return -1;
}

bool datagram_spread_packets(struct datagram *const *workers, size_t count)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                 (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, (uint32_t)count),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog program = {sizeof code / sizeof code[0], code};
	for (size_t i = 0; count && i < workers[0]->inlets.count; i++)
		if (!workers[0]->inlets.items[i]->shared &&
		    setsockopt(workers[0]->inlets.items[i]->fd, SOL_SOCKET,
		               SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) < 0)
			return false;
	return true;
}

/* Receiving */

static void prepare(struct datagram *datagram)
{
	for (size_t i = 0; i < BATCH; i++) {
		struct slot *slot = &datagram->slots[i];
		slot->in_vector = (struct iovec){slot->text, MESSAGE_MAX};
		datagram->in[i].msg_hdr =
			(struct msghdr){.msg_name = &slot->from,
		                        .msg_iov = &slot->in_vector,
		                        .msg_iovlen = 1,
		                        .msg_control = slot->in_control};
	}
}

static int receive(struct datagram *datagram, int fd)
{
	for (size_t i = 0; i < BATCH; i++) {
		datagram->in[i].msg_hdr.msg_namelen = sizeof datagram->slots[i].from;
		datagram->in[i].msg_hdr.msg_controllen = CONTROL_BYTES;
	}
	int count = recvmmsg(fd, datagram->in, BATCH, MSG_DONTWAIT, NULL);
	return count < 0 ? 0 : count; /* an ICMP error is told here as well: nobody waits
	                                 for it */
}

static void note_drops(struct inlet *inlet, uint32_t dropped)
{
	uint32_t told = atomic_load_explicit(inlet->dropped, memory_order_relaxed);
	if ((int32_t)(dropped - told) <= 0 ||
	    !atomic_compare_exchange_strong(inlet->dropped, &told, dropped))
		return; /* or another worker tells */
	log_lost(LOG_KERNEL_QUEUE, dropped - told,
	         "datagrams lost, the receive queue was full listener=%s lost=%u",
	         inlet->listen->text.at, (unsigned)(dropped - told));
}

/* The kernel tells with each datagram how many it has dropped so far. */
static void read_drops(struct inlet *inlet, struct msghdr *in)
{
	uint32_t dropped;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(in); c; c = CMSG_NXTHDR(in, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
			memcpy(&dropped, CMSG_DATA(c), sizeof dropped);
			note_drops(inlet, dropped);
		}
}

/* The way back may lead through another interface; only a link-local address means
 * nothing without its own. */
static void forget_interface(struct cmsghdr *c)
{
	if (c->cmsg_level == IPPROTO_IP) {
		struct in_pktinfo *info = (struct in_pktinfo *)(void *)CMSG_DATA(c);
		info->ipi_ifindex = 0;
	} else {
		struct in6_pktinfo *info = (struct in6_pktinfo *)(void *)CMSG_DATA(c);
		if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
			info->ipi6_ifindex = 0;
	}
}

/* RFC 3261 18.2.2 wants the reply to leave from the address that the request was sent to:
 * where the kernel told it, that goes back with the reply. */
static void copy_destination(struct msghdr *in, struct msghdr *out)
{
	out->msg_controllen = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(in); c; c = CMSG_NXTHDR(in, c)) {
		if (!(c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) &&
		    !(c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO))
			continue;
		memcpy(out->msg_control, c, c->cmsg_len);
		forget_interface(out->msg_control);
		out->msg_controllen = CMSG_SPACE(c->cmsg_len - CMSG_LEN(0));
	}
	if (!out->msg_controllen)
		out->msg_control = NULL;
}

/* Which of all addresses a datagram was sent to. */
static void find_local(const struct inlet *inlet, struct msghdr *in,
                       struct address *local)
{
	if (!address_is_any(&inlet->endpoint.address))
		return;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(in); c; c = CMSG_NXTHDR(in, c)) {
		struct sockaddr_in v4 = {.sin_family = AF_INET};
		struct endpoint found;
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO)
			memcpy(local->bytes, CMSG_DATA(c), sizeof local->bytes);
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
			continue;
		v4.sin_addr =
			((const struct in_pktinfo *)(const void *)CMSG_DATA(c))->ipi_addr;
		if (endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&v4, &found))
			*local = found.address;
	}
}

/* Answering */

static void answer(struct datagram *datagram, const struct inlet *inlet,
                   struct slot *slot, struct mmsghdr *in)
{
	const size_t length = in->msg_len;
	struct arrival arrival = {.listen = inlet->listen, .bytes = length};
	slot->reply.length = 0;
	if (length < 2 ||
	    !endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&slot->from,
	                            &arrival.source) ||
	    !redirect_admits(datagram->redirect, &arrival))
		return;
	find_local(inlet, &in->msg_hdr, &arrival.local);
	struct slice text = {slot->text, length};
	if (!redirect_passes(datagram->redirect, text, &arrival))
		return;
	const struct message *plain = scan_message(&datagram->scan, text);
	msg_t *parsed = plain ? NULL : message_parse(text);
	if (plain || parsed)
		redirect_answer(datagram->redirect, plain ? plain : message_of(parsed),
		                &arrival, &slot->reply);
	else
		redirect_unread(datagram->redirect, &arrival);
	if (parsed)
		msg_destroy(parsed);
}

/* A reply goes to the address that the request came from (a v6 scope included); only the
 * port may be another. */
static void set_port(struct sockaddr_storage *address, uint16_t port)
{
	if (address->ss_family == AF_INET)
		((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
}

/* Queues the reply to slot as the count-th of this batch. */
static void queue(struct datagram *datagram, size_t i, size_t count)
{
	struct slot *slot = &datagram->slots[i];
	struct msghdr *out = &datagram->out[count].msg_hdr;
	slot->out_vector = (struct iovec){slot->reply.text, slot->reply.length};
	set_port(&slot->from, slot->reply.to.port);
	*out = (struct msghdr){.msg_name = &slot->from,
	                       .msg_namelen = datagram->in[i].msg_hdr.msg_namelen,
	                       .msg_iov = &slot->out_vector,
	                       .msg_iovlen = 1,
	                       .msg_control = slot->out_control};
	copy_destination(&datagram->in[i].msg_hdr, out);
}

/* A reply that cannot be sent (no route, no buffer) is left out, and the rest is sent. */
static void send_all(struct datagram *datagram, int fd, size_t count)
{
	size_t sent = 0;
	while (sent < count) {
		int n = sendmmsg(fd, datagram->out + sent, (unsigned)(count - sent),
		                 MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			log_often(LOG_UNSENDABLE, "reply not sent error=\"%s\"",
			          strerror(errno));
		sent += n > 0 ? (size_t)n : 1;
	}
}

/* Finds the listeners in what is in force now. */
static void find_listens(struct datagram *datagram,
                         const struct configuration *configuration)
{
	datagram->serial = configuration->serial;
	for (size_t i = 0; i < datagram->inlets.count; i++) {
		struct inlet *inlet = datagram->inlets.items[i];
		inlet->listen = settings_listen(configuration->settings, DOOR_DATAGRAM,
		                                &inlet->endpoint);
	}
}

static void hold(struct datagram *datagram)
{
	const struct configuration *configuration = redirect_hold(datagram->redirect);
	if (configuration->serial != datagram->serial)
		find_listens(datagram, configuration);
}

static void serve_batch(struct datagram *datagram, struct inlet *inlet)
{
	int received = receive(datagram, inlet->fd);
	size_t count = 0;
	if (!received)
		return;
	hold(datagram);
	for (int i = 0; i < received && inlet->listen; i++) {
		struct slot *slot = &datagram->slots[i];
		answer(datagram, inlet, slot, &datagram->in[i]);
		if (slot->reply.length)
			queue(datagram, (size_t)i, count++);
	}
	if (inlet->listen)
		read_drops(inlet, &datagram->in[received - 1].msg_hdr);
	redirect_let_go(datagram->redirect);
	send_all(datagram, inlet->fd, count);
	redirect_sent(datagram->redirect);
}

/* Listeners that come and go */

/* Its socket is the one that was passed, if there is one. */
static int find_socket(struct datagram *datagram, struct inlet *inlet,
                       const struct listen *listen)
{
	struct passed *passed = activation_find(datagram->activation, listen);
	inlet->dropped = &inlet->own_dropped;
	if (!passed)
		return open_socket(listen);
	inlet->shared = true;
	inlet->dropped = &passed->dropped;
	return set_options(passed->fd, listen) ? passed_open(passed) : -1;
}

static struct inlet *open_inlet(struct datagram *datagram, const struct listen *listen)
{
	struct inlet *inlet = calloc(1, sizeof *inlet);
	if (!inlet)
		return NULL;
	inlet->endpoint = listen->endpoint;
	inlet->fd = find_socket(datagram, inlet, listen);
	if (inlet->fd >= 0)
		return inlet;
	int error = errno;
	free(inlet);
	errno = error;
	return NULL;
}

/* Closing a duplicate does not end its being watched. */
static void close_inlet(struct datagram *datagram, struct inlet *inlet)
{
	epoll_ctl(datagram->epoll_fd, EPOLL_CTL_DEL, inlet->fd, NULL);
	close(inlet->fd);
	free(inlet);
}

static void close_inlets(struct datagram *datagram, struct inlets *inlets)
{
	while (inlets->count)
		close_inlet(datagram, inlets->items[--inlets->count]);
}

static bool has_inlet(const struct datagram *datagram, const struct listen *listen)
{
	for (size_t i = 0; i < datagram->inlets.count; i++)
		if (endpoint_equal(&datagram->inlets.items[i]->endpoint,
		                   &listen->endpoint))
			return true;
	return false;
}

int datagram_prepare(struct datagram *datagram, const struct settings *settings,
                     const struct listen **failed)
{
	for (size_t i = 0; i < settings->listen_count; i++) {
		const struct listen *listen = &settings->listens[i];
		if (listen_door(listen) != DOOR_DATAGRAM || has_inlet(datagram, listen))
			continue;
		struct inlet *inlet = open_inlet(datagram, listen);
		if (!inlet) {
			*failed = listen;
			return errno;
		}
		datagram->bound.items[datagram->bound.count++] = inlet;
	}
	return 0;
}

void datagram_abandon(struct datagram *datagram)
{
	close_inlets(datagram, &datagram->bound);
}

/* What comes in at a shared one wakes one worker that waits, not all. */
static bool watch(struct datagram *datagram, int fd, struct inlet *inlet)
{
	bool shared = inlet && inlet->shared;
	struct epoll_event event = {.events = EPOLLIN | (shared ? EPOLLEXCLUSIVE : 0),
	                            .data.ptr = inlet};
	return epoll_ctl(datagram->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void close_gone(struct datagram *datagram)
{
	struct inlets *inlets = &datagram->inlets;
	size_t kept = 0;
	for (size_t i = 0; i < inlets->count; i++) {
		struct inlet *inlet = inlets->items[i];
		if (inlet->listen)
			inlets->items[kept++] = inlet;
		else
			close_inlet(datagram, inlet);
	}
	inlets->count = kept;
}

static bool take_bound(struct datagram *datagram)
{
	bool watched = true;
	for (size_t i = 0; i < datagram->bound.count; i++) {
		struct inlet *inlet = datagram->bound.items[i];
		watched &= watch(datagram, inlet->fd, inlet);
		datagram->inlets.items[datagram->inlets.count++] = inlet;
	}
	datagram->bound.count = 0;
	return watched;
}

/* First those that go: there is room for as many as settings may have. */
static bool adopt(struct datagram *datagram)
{
	const struct configuration *configuration = redirect_hold(datagram->redirect);
	find_listens(datagram, configuration);
	close_gone(datagram);
	bool watched = take_bound(datagram);
	int error = errno;
	find_listens(datagram, configuration);
	redirect_let_go(datagram->redirect);
	errno = error;
	return watched;
}

/* False: the thread is to end. */
static bool on_bell(struct datagram *datagram)
{
	unsigned wishes = bell_answer(&datagram->bell);
	if (wishes & BELL_STOP)
		return false;
	if (!(wishes & BELL_ADOPT))
		return true;
	if (!adopt(datagram))
		log_event(LOG_ERROR, "not listening on all addresses error=\"%s\"",
		          strerror(errno));
	bell_done(&datagram->bell);
	return true;
}

void datagram_adopt(struct datagram *datagram)
{
	bell_ring(&datagram->bell, BELL_ADOPT);
	bell_wait(&datagram->bell);
}

struct bell *datagram_bell(struct datagram *datagram)
{
	return &datagram->bell;
}

/* The inlets of one round may be gone after adopting: that comes last. */
static void *run(void *arg)
{
	struct datagram *datagram = arg;
	struct epoll_event events[16];
	privilege_renounce();
	for (;;) {
		bool rung = false;
		int count = epoll_wait(datagram->epoll_fd, events, 16, -1);
		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				serve_batch(datagram, events[i].data.ptr);
			else
				rung = true;
		}
		if (rung && !on_bell(datagram))
			return NULL;
	}
}

/* Starting and stopping */

static void release(struct datagram *datagram)
{
	close_inlets(datagram, &datagram->inlets);
	close_inlets(datagram, &datagram->bound);
	if (datagram->epoll_fd >= 0)
		close(datagram->epoll_fd);
	bell_fini(&datagram->bell);
	free(datagram->slots);
	free(datagram);
}

static struct datagram *datagram_new(struct redirect *redirect,
                                     struct activation *activation)
{
	struct datagram *datagram = calloc(1, sizeof *datagram);
	if (!datagram)
		return NULL;
	datagram->redirect = redirect;
	datagram->activation = activation;
	datagram->slots = calloc(BATCH, sizeof *datagram->slots);
	datagram->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	bool has_bell = bell_init(&datagram->bell);
	if (datagram->slots && datagram->epoll_fd >= 0 && has_bell &&
	    watch(datagram, datagram->bell.fd, NULL)) {
		prepare(datagram);
		return datagram;
	}
	release(datagram);
	return NULL;
}

/* 0 or an errno. */
static int open_first(struct datagram *datagram, const struct listen **failed)
{
	const struct configuration *configuration = redirect_hold(datagram->redirect);
	int error = datagram_prepare(datagram, configuration->settings, failed);
	redirect_let_go(datagram->redirect);
	return error ? error : adopt(datagram) ? 0 : errno;
}

struct datagram *datagram_start(struct redirect *redirect, struct activation *activation,
                                const struct listen **failed, int *error)
{
	*failed = NULL;
	struct datagram *datagram = datagram_new(redirect, activation);
	if (!datagram) {
		*error = ENOMEM;
		return NULL;
	}
	*error = open_first(datagram, failed);
	if (!*error)
		*error = pthread_create(&datagram->thread, NULL, run, datagram);
	if (!*error)
		return datagram;
	release(datagram);
	return NULL;
}

void datagram_stop(struct datagram *datagram)
{
	bell_ring(&datagram->bell, BELL_STOP);
	pthread_join(datagram->thread, NULL);
	release(datagram);
}
