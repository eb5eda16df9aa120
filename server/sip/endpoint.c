/* SPDX-License-Identifier: MIT */
#include "server/sip/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static bool fail(const char **why, const char *text)
{
	*why = text;
	return false;
}

static bool take_transport(struct slice *text, enum transport *out, const char **why)
{
	struct slice name = {text->at, slice_find(*text, ':')};
	if (slice_equal_nocase(name, slice_of("udp")))
		*out = TRANSPORT_UDP;
	else if (slice_equal_nocase(name, slice_of("tcp")))
		*out = TRANSPORT_TCP;
	else if (slice_equal_nocase(name, slice_of("tls")))
		*out = TRANSPORT_TLS;
	else
		return fail(why, "it begins with none of udp:, tcp: and tls:");
	*text = slice_skip(*text, name.len + 1);
	if (text->len == 0)
		return fail(why, "the address is missing");
	return true;
}

static bool take_bracketed(struct slice *text, struct address *out, const char **why)
{
	size_t end = slice_find(*text, ']');
	if (end == text->len)
		return fail(why, "the ] after the IPv6 address is missing");
	struct slice inside = slice_skip((struct slice){text->at, end}, 1);
	if (slice_find(inside, '%') < inside.len)
		return fail(why,
		            "zones of link-local addresses (%eth0) are not supported");
	if (slice_find(inside, ':') == inside.len || !address_parse(inside, out))
		return fail(why, "there is no IPv6 address inside the brackets");
	*text = slice_skip(*text, end + 1);
	return true;
}

static bool take_address(struct slice *text, struct address *out, const char **why)
{
	if (text->at[0] == '[')
		return take_bracketed(text, out, why);
	struct slice host = {text->at, slice_find(*text, ':')};
	struct slice rest = slice_skip(*text, host.len + 1);
	if (slice_find(rest, ':') < rest.len)
		return fail(why, "an IPv6 address needs brackets, as in [::1]:5060");
	if (host.len == 0)
		return fail(why, "the address is missing");
	if (!address_parse(host, out))
		return fail(why, "the address is not numeric; names are never looked up");
	*text = slice_skip(*text, host.len);
	return true;
}

/* What is left behind an address, which is not nothing. */
static bool take_port(struct slice text, uint16_t *out, const char **why)
{
	unsigned long port;
	if (text.at[0] != ':')
		return fail(why, "only a colon and a port may follow the ]");
	if (!slice_number(slice_skip(text, 1), UINT16_MAX, &port) || port == 0)
		return fail(why, "the port is not a number from 1 to 65535");
	*out = (uint16_t)port;
	return true;
}

bool endpoint_parse(struct slice text, struct endpoint *out, const char **why)
{
	struct endpoint read;
	if (!take_transport(&text, &read.transport, why) ||
	    !take_address(&text, &read.address, why))
		return false;
	read.port = read.transport == TRANSPORT_TLS ? ENDPOINT_TLS_PORT : ENDPOINT_PORT;
	if (text.len > 0 && !take_port(text, &read.port, why))
		return false;
	*out = read;
	return true;
}

bool endpoint_parse_hostport(struct slice text, struct endpoint *out, const char **why)
{
	struct endpoint read = {.transport = TRANSPORT_TCP};
	if (text.len == 0)
		return fail(why, "the address is missing");
	if (!take_address(&text, &read.address, why))
		return false;
	if (text.len == 0)
		return fail(why, "the port is missing");
	if (!take_port(text, &read.port, why))
		return false;
	*out = read;
	return true;
}

const char *endpoint_hostport(const struct endpoint *endpoint, char to[ENDPOINT_TEXT_MAX])
{
	char host[ADDRESS_TEXT_MAX];
	address_text(&endpoint->address, host);
	snprintf(to, ENDPOINT_TEXT_MAX,
	         address_is_v4(&endpoint->address) ? "%s:%u" : "[%s]:%u", host,
	         (unsigned)endpoint->port);
	return to;
}

const char *endpoint_text(const struct endpoint *endpoint, char to[ENDPOINT_TEXT_MAX])
{
	char hostport[ENDPOINT_TEXT_MAX];
	endpoint_hostport(endpoint, hostport);
	static const char *const names[] = {[TRANSPORT_UDP] = "udp",
	                                    [TRANSPORT_TCP] = "tcp",
	                                    [TRANSPORT_TLS] = "tls"};
	snprintf(to, ENDPOINT_TEXT_MAX, "%s:%.59s", names[endpoint->transport], hostport);
	return to;
}

/* Copied rather than cast: a sockaddr need not be aligned for its family. */
bool endpoint_from_sockaddr(enum transport transport, const struct sockaddr *from,
                            struct endpoint *out)
{
	struct endpoint read = {.transport = transport};
	if (from->sa_family == AF_INET) {
		struct sockaddr_in v4;
		memcpy(&v4, from, sizeof v4);
		memset(read.address.bytes + 10, 0xff, 2);
		memcpy(read.address.bytes + 12, &v4.sin_addr, 4);
		read.port = ntohs(v4.sin_port);
	} else if (from->sa_family == AF_INET6) {
		struct sockaddr_in6 v6;
		memcpy(&v6, from, sizeof v6);
		memcpy(read.address.bytes, &v6.sin6_addr, 16);
		read.port = ntohs(v6.sin6_port);
	} else {
		return false;
	}
	*out = read;
	return true;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint,
                               struct sockaddr_storage *to)
{
	memset(to, 0, sizeof *to);
	if (address_is_v4(&endpoint->address)) {
		struct sockaddr_in v4 = {.sin_family = AF_INET,
		                         .sin_port = htons(endpoint->port)};
		memcpy(&v4.sin_addr, endpoint->address.bytes + 12, 4);
		memcpy(to, &v4, sizeof v4);
		return sizeof v4;
	}
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
	                          .sin6_port = htons(endpoint->port)};
	memcpy(&v6.sin6_addr, endpoint->address.bytes, 16);
	memcpy(to, &v6, sizeof v6);
	return sizeof v6;
}

const char *transport_name(enum transport transport)
{
	static const char *const names[] = {[TRANSPORT_UDP] = "UDP",
	                                    [TRANSPORT_TCP] = "TCP",
	                                    [TRANSPORT_TLS] = "TLS"};
	return names[transport];
}

bool transport_is_stream(enum transport transport)
{
	return transport != TRANSPORT_UDP;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->transport == b->transport && a->port == b->port &&
	       address_equal(&a->address, &b->address);
}
