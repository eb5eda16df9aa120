/* SPDX-License-Identifier: MIT */
#include "server/datagram.h"

#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log.h"
#include "server/privilege.h"
#include "server/scan.h"

#define BATCH         32
#define RECEIVE_BYTES (8 << 20) /* socket buffer; the kernel gives what it may */
#define CONTROL_BYTES 128       /* packet info and the count of drops */

/* One address of one worker. */
struct inlet {
	const struct listen *listen;
	int fd;
	uint32_t dropped; /* by the kernel, its queue being full; as last told */
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

struct datagram {
	pthread_t thread;
	struct redirect *redirect;
	int epoll_fd, stop_fd;
	size_t inlet_count;
	struct inlet *inlets;
	struct slot *slots; /* [BATCH] */
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
	if (!set(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BYTES))
		set(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BYTES);
	set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
	if (!v4 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
		return false;
	if (address_is_any(&listen->endpoint.address) &&
	    !(v4 ? set(fd, IPPROTO_IP, IP_PKTINFO, 1)
	         : set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)))
		return false;
	return set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
}

static int open_socket(const struct listen *listen)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(&listen->endpoint, &address);
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && set_options(fd, listen) &&
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
	for (size_t i = 0; count && i < workers[0]->inlet_count; i++)
		if (setsockopt(workers[0]->inlets[i].fd, SOL_SOCKET,
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
	if (dropped == inlet->dropped)
		return;
	log_often(LOG_KERNEL_QUEUE,
	          "datagrams lost, the receive queue was full listener=%s lost=%u",
	          inlet->listen->text.at, (unsigned)(dropped - inlet->dropped));
	inlet->dropped = dropped;
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

/* Answering */

static void answer(struct datagram *datagram, const struct inlet *inlet,
                   struct slot *slot, size_t length)
{
	struct arrival arrival = {.listen = inlet->listen};
	slot->reply.length = 0;
	if (length < 2 ||
	    !endpoint_from_sockaddr(TRANSPORT_UDP, (struct sockaddr *)&slot->from,
	                            &arrival.source) ||
	    !redirect_admits(datagram->redirect, &arrival))
		return;
	struct slice text = {slot->text, length};
	const struct message *plain = scan_message(&datagram->scan, text);
	msg_t *parsed = plain ? NULL : message_parse(text);
	if (plain || parsed)
		redirect_answer(datagram->redirect, plain ? plain : message_of(parsed),
		                &arrival, &slot->reply);
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

static void serve_batch(struct datagram *datagram, struct inlet *inlet)
{
	int received = receive(datagram, inlet->fd);
	size_t count = 0;
	if (!received)
		return;
	redirect_hold(datagram->redirect);
	for (int i = 0; i < received; i++) {
		struct slot *slot = &datagram->slots[i];
		answer(datagram, inlet, slot, datagram->in[i].msg_len);
		if (slot->reply.length)
			queue(datagram, (size_t)i, count++);
	}
	redirect_let_go(datagram->redirect);
	read_drops(inlet, &datagram->in[received - 1].msg_hdr);
	send_all(datagram, inlet->fd, count);
}

static void *run(void *arg)
{
	struct datagram *datagram = arg;
	struct epoll_event events[16];
	privilege_renounce();
	for (;;) {
		int count = epoll_wait(datagram->epoll_fd, events, 16, -1);
		for (int i = 0; i < count; i++) {
			if (!events[i].data.ptr) /* stop_fd */
				return NULL;
			serve_batch(datagram, events[i].data.ptr);
		}
	}
}

/* Starting and stopping */

static bool watch(struct datagram *datagram, int fd, struct inlet *inlet)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = inlet};
	return epoll_ctl(datagram->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_inlets(struct datagram *datagram, const struct settings *settings,
                        const struct listen **failed)
{
	for (size_t i = 0; i < settings->listen_count; i++) {
		if (listen_door(&settings->listens[i]) != DOOR_DATAGRAM)
			continue;
		struct inlet *inlet = &datagram->inlets[datagram->inlet_count];
		*failed = inlet->listen = &settings->listens[i];
		inlet->fd = open_socket(inlet->listen);
		if (inlet->fd < 0)
			return false;
		datagram->inlet_count++;
		if (!watch(datagram, inlet->fd, inlet))
			return false;
	}
	*failed = NULL;
	return true;
}

static void release(struct datagram *datagram)
{
	for (size_t i = 0; i < datagram->inlet_count; i++)
		close(datagram->inlets[i].fd);
	if (datagram->epoll_fd >= 0)
		close(datagram->epoll_fd);
	if (datagram->stop_fd >= 0)
		close(datagram->stop_fd);
	free(datagram->inlets);
	free(datagram->slots);
	free(datagram);
}

static struct datagram *datagram_new(const struct settings *settings,
                                     struct redirect *redirect)
{
	struct datagram *datagram = calloc(1, sizeof *datagram);
	if (!datagram)
		return NULL;
	datagram->redirect = redirect;
	datagram->inlets = calloc(settings->listen_count, sizeof *datagram->inlets);
	datagram->slots = calloc(BATCH, sizeof *datagram->slots);
	datagram->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	datagram->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (datagram->inlets && datagram->slots && datagram->epoll_fd >= 0 &&
	    datagram->stop_fd >= 0 && watch(datagram, datagram->stop_fd, NULL)) {
		prepare(datagram);
		return datagram;
	}
	release(datagram);
	return NULL;
}

struct datagram *datagram_start(const struct settings *settings,
                                struct redirect *redirect, const struct listen **failed,
                                int *error)
{
	*failed = NULL;
	struct datagram *datagram = datagram_new(settings, redirect);
	if (!datagram) {
		*error = ENOMEM;
		return NULL;
	}
	bool open = open_inlets(datagram, settings, failed);
	*error = open ? pthread_create(&datagram->thread, NULL, run, datagram) : errno;
	if (!*error)
		return datagram;
	release(datagram);
	return NULL;
}

void datagram_stop(struct datagram *datagram)
{
	uint64_t one = 1;
	while (write(datagram->stop_fd, &one, sizeof one) < 0 && errno == EINTR)
		;
	pthread_join(datagram->thread, NULL);
	release(datagram);
}
