/* SPDX-License-Identifier: MIT */
#include "server/log/hep.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/log/log.h"
#include "server/log/rings.h"
#include "server/trust/privilege.h"

#define BATCH       32
#define DOZE_MS     10
#define PATIENCE_MS 100   /* for the kernel to take more */
#define PACKET_MAX  65507 /* bytes of a datagram over IPv4 */

static struct {
	pthread_t thread;
	bool running; /* of those who configure and stop: one thread */
	atomic_bool ending;
	struct rings rings;
	atomic_ulong unsent;
	pthread_mutex_t lock; /* of what follows */
	int fd;               /* -1: nothing is to be sent */
	uint32_t id;
	struct sockaddr_storage to;
	socklen_t to_len;
} hep = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

unsigned long hep_dropped(void)
{
	return atomic_load(&hep.unsent) + rings_refused(&hep.rings);
}

/* Putting */

/* What is in a ring; behind it the text. */
struct record {
	int64_t time_ns;
	struct endpoint from, to;
};

static void drop(unsigned long count)
{
	if (count > 0)
		atomic_fetch_add(&hep.unsent, count);
}

struct ring *hep_ring(void)
{
	return rings_add(&hep.rings);
}

void hep_put(struct ring *ring, const struct hep_packet *packet)
{
	size_t len = sizeof(struct record) + packet->text.len;
	if (packet->text.len > PACKET_MAX) {
		drop(1);
		return;
	}
	struct record *record = ring_begin(ring, len);
	if (!record)
		return;
	*record = (struct record){packet->time_ns, packet->from, packet->to};
	memcpy(record + 1, packet->text.at, packet->text.len);
	ring_commit(ring, len);
}

/* The header: "HEP3", the length of all, then chunks of vendor, type, length and value,
 * numbers in network order. */

enum chunk {
	CHUNK_FAMILY = 1,
	CHUNK_PROTOCOL = 2,
	CHUNK_V4_FROM = 3,
	CHUNK_V4_TO = 4,
	CHUNK_V6_FROM = 5,
	CHUNK_V6_TO = 6,
	CHUNK_PORT_FROM = 7,
	CHUNK_PORT_TO = 8,
	CHUNK_SECONDS = 9,
	CHUNK_MICROSECONDS = 10,
	CHUNK_CONTENT = 11,
	CHUNK_ID = 12,
	CHUNK_PAYLOAD = 15,
};
#define FAMILY_V4   2
#define FAMILY_V6   10
#define CONTENT_SIP 1
#define CHUNK_HEAD  6

/* bytes, the most significant one first; returns what is behind it. */
static unsigned char *put_number(unsigned char *at, unsigned bytes, uint32_t number)
{
	for (unsigned i = bytes; i-- > 0; number >>= 8)
		at[i] = (unsigned char)number;
	return at + bytes;
}

static unsigned char *put_head(unsigned char *at, enum chunk chunk, size_t len)
{
	at = put_number(at, 2, 0); /* no vendor's own */
	at = put_number(at, 2, chunk);
	return put_number(at, 2, (uint32_t)(CHUNK_HEAD + len));
}

static unsigned char *put_chunk(unsigned char *at, enum chunk chunk, unsigned bytes,
                                uint32_t number)
{
	return put_number(put_head(at, chunk, bytes), bytes, number);
}

static unsigned char *put_address(unsigned char *at, enum chunk v4, enum chunk v6,
                                  const struct address *address, bool as_v4)
{
	size_t len = as_v4 ? 4 : 16;
	at = put_head(at, as_v4 ? v4 : v6, len);
	memcpy(at, address->bytes + 16 - len, len);
	return at + len;
}

size_t hep_header(const struct hep_packet *packet, uint32_t id,
                  unsigned char to[HEP_HEADER_MAX])
{
	const struct endpoint *from = &packet->from, *dest = &packet->to;
	bool v4 = address_is_v4(&from->address) && address_is_v4(&dest->address);
	bool stream = transport_is_stream(from->transport);
	unsigned char *at = to + 6;
	memcpy(to, "HEP3", 4);
	at = put_chunk(at, CHUNK_FAMILY, 1, v4 ? FAMILY_V4 : FAMILY_V6);
	at = put_chunk(at, CHUNK_PROTOCOL, 1, stream ? IPPROTO_TCP : IPPROTO_UDP);
	at = put_address(at, CHUNK_V4_FROM, CHUNK_V6_FROM, &from->address, v4);
	at = put_address(at, CHUNK_V4_TO, CHUNK_V6_TO, &dest->address, v4);
	at = put_chunk(at, CHUNK_PORT_FROM, 2, from->port);
	at = put_chunk(at, CHUNK_PORT_TO, 2, dest->port);
	at = put_chunk(at, CHUNK_SECONDS, 4, (uint32_t)(packet->time_ns / 1000000000));
	at = put_chunk(at, CHUNK_MICROSECONDS, 4,
	               (uint32_t)(packet->time_ns % 1000000000 / 1000));
	at = put_chunk(at, CHUNK_CONTENT, 1, CONTENT_SIP);
	at = put_chunk(at, CHUNK_ID, 4, id);
	at = put_head(at, CHUNK_PAYLOAD, packet->text.len);
	size_t len = (size_t)(at - to);
	put_number(to + 4, 2, (uint32_t)(len + packet->text.len));
	return len;
}

/* Sending */

/* Packets that are sent together; their texts are in the ring. */
struct batch {
	unsigned count;
	struct mmsghdr messages[BATCH];
	struct iovec parts[BATCH][2];
	unsigned char headers[BATCH][HEP_HEADER_MAX];
};

/* One that is too long for a datagram is dropped. */
static void add(struct batch *batch, const void *record, size_t len)
{
	const struct record *of = record;
	struct hep_packet packet = {of->time_ns,
	                            of->from,
	                            of->to,
	                            {(const char *)(of + 1), len - sizeof *of}};
	struct iovec *parts = batch->parts[batch->count];
	unsigned char *header = batch->headers[batch->count];
	size_t header_len = hep_header(&packet, hep.id, header);
	if (header_len + packet.text.len > PACKET_MAX) {
		drop(1);
		return;
	}
	parts[0] = (struct iovec){header, header_len};
	parts[1] = (struct iovec){(void *)(uintptr_t)packet.text.at, packet.text.len};
	batch->messages[batch->count++].msg_hdr = (struct msghdr){
		.msg_name = &hep.to,
		.msg_namelen = hep.to_len,
		.msg_iov = parts,
		.msg_iovlen = 2,
	};
}

static bool waits(int error)
{
	struct pollfd out = {.fd = hep.fd, .events = POLLOUT};
	if (error == EINTR)
		return true;
	return !atomic_load(&hep.ending) && (error == EAGAIN || error == ENOBUFS) &&
	       poll(&out, 1, PATIENCE_MS) == 1 && out.revents == POLLOUT;
}

/* What cannot be sent is left out, and the rest is sent. */
static void send_batch(struct batch *batch)
{
	bool waited = false;
	for (unsigned sent = 0; sent < batch->count;) {
		int n = sendmmsg(hep.fd, batch->messages + sent, batch->count - sent,
		                 MSG_DONTWAIT);
		if (n > 0) {
			sent += (unsigned)n;
			waited = false;
			continue;
		}
		if (!waited && waits(errno)) {
			waited = true;
			continue;
		}
		log_often(LOG_MIRROR, "message not mirrored error=\"%s\"",
		          strerror(errno));
		drop(1);
		sent++;
	}
	batch->count = 0;
}

static void take(struct ring *ring, void *arg)
{
	static struct batch batch; /* of the one thread */
	const void *record;
	size_t len;
	(void)arg;
	pthread_mutex_lock(&hep.lock);
	for (int i = 0; i < BATCH && (record = ring_next(ring, &len)); i++) {
		if (hep.fd >= 0)
			add(&batch, record, len);
	}
	send_batch(&batch);
	pthread_mutex_unlock(&hep.lock);
	ring_release(ring);
}

static bool is_idle(void *arg)
{
	(void)arg;
	return !atomic_load(&hep.ending) && rings_are_empty(&hep.rings);
}

static void *run(void *arg)
{
	(void)arg;
	privilege_renounce();
	prctl(PR_SET_NAME, "signpost-hep");
	for (;;) {
		bool ending = atomic_load(&hep.ending), any = false;
		while (rings_take(&hep.rings, take, NULL))
			any = true;
		if (ending)
			return NULL;
		if (any)
			sleeper_doze(&hep.rings.sleeper, DOZE_MS);
		else
			sleeper_sleep(&hep.rings.sleeper, is_idle, NULL);
	}
}

/* From outside */

/* Not connected: nothing but sending needs to be allowed in the sandbox, and nobody who
 * does not listen is heard of. */
static int open_socket(const struct endpoint *to)
{
	int family = address_is_v4(&to->address) ? AF_INET : AF_INET6;
	return socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int start(void)
{
	if (hep.running)
		return 0;
	int error = pthread_create(&hep.thread, NULL, run, NULL);
	hep.running = error == 0;
	return error;
}

void hep_configure(const struct settings *settings)
{
	int fd = settings->mirrors ? open_socket(&settings->mirror_to) : -1;
	int error = settings->mirrors && fd < 0 ? errno : 0;
	if (fd >= 0)
		error = start();
	pthread_mutex_lock(&hep.lock);
	int old = hep.fd;
	hep.fd = fd;
	hep.id = (uint32_t)settings->mirror_id;
	hep.to_len = endpoint_to_sockaddr(&settings->mirror_to, &hep.to);
	pthread_mutex_unlock(&hep.lock);
	if (old >= 0)
		close(old);
	if (error)
		log_event(LOG_WARNING, "messages are not mirrored error=\"%s\"",
		          strerror(error));
}

void hep_stop(void)
{
	if (!hep.running)
		return;
	atomic_store(&hep.ending, true);
	sleeper_wake(&hep.rings.sleeper);
	pthread_join(hep.thread, NULL);
	hep.running = false;
	if (hep.fd >= 0)
		close(hep.fd);
	hep.fd = -1;
}
