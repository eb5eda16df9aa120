/* SPDX-License-Identifier: MIT */
/* server_peers.c - how long it takes to find whose an address is.
 *
 *     server_peers [NETWORKS]
 *
 * Networks of 100 peers, 10000 unless told otherwise: single v4 addresses of one /16, v4
 * networks of all sizes, v6 networks down to /64, and v6 networks within one /48. Half of
 * the addresses asked for are in one of them. Each look waits for the one before. Prints
 * nanoseconds per look. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "server/settings/settings.h"
#include "server/trust/peers.h"

#define PEERS 100
#define ASKED 65536
#define LOOKS 20000000

static uint64_t drawn = 88172645463325252;

static uint64_t draw(void)
{
	drawn ^= drawn << 13;
	drawn ^= drawn >> 7;
	drawn ^= drawn << 17;
	return drawn;
}

static struct address v4(uint32_t number)
{
	return (struct address){{[10] = 0xff,
	                         [11] = 0xff,
	                         [12] = (uint8_t)(number >> 24),
	                         [13] = (uint8_t)(number >> 16),
	                         [14] = (uint8_t)(number >> 8),
	                         [15] = (uint8_t)number}};
}

static struct address v6(unsigned shared)
{
	struct address address = {{0x20, 0x01, 0x0d, 0xb8, 0, 1}};
	for (unsigned i = shared; i < 16; i++)
		address.bytes[i] = (uint8_t)draw();
	return address;
}

static struct address hosts(void)
{
	return v4(0x0a010000 | (draw() & 0xffff));
}
static struct address anywhere(void)
{
	return v4((uint32_t)draw());
}
static struct address wide(void)
{
	return v6(2);
}
static struct address near(void)
{
	return v6(6);
}

static const struct kind {
	const char *name;
	struct address (*address)(void);
	unsigned bits_min, bits_max;
} kinds[] = {{"v4 addresses of one /16", hosts, 128, 128},
             {"v4 networks, /8 to /32", anywhere, 104, 128},
             {"v6 networks, /32 to /64", wide, 32, 64},
             {"v6 networks of one /48, /64 to /128", near, 64, 128}};

static struct network draw_network(const struct kind *kind)
{
	unsigned bits = kind->bits_min +
	                (unsigned)(draw() % (kind->bits_max - kind->bits_min + 1));
	struct network network = {kind->address(), (uint8_t)bits};
	for (unsigned bit = bits; bit < 128; bit++)
		network.address.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return network;
}

static double seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void measure(const struct kind *kind, size_t count)
{
	static struct peer peers[PEERS];
	static const struct peer *members[PEERS];
	static struct address asked[ASKED];
	struct arena *arena = arena_new((size_t)1 << 30);
	struct network *networks = calloc(count, sizeof *networks);
	size_t each = count / PEERS, found = 0;
	for (size_t i = 0; i < count; i++)
		networks[i] = draw_network(kind);
	for (size_t i = 0; i < PEERS; i++) {
		members[i] = &peers[i];
		peers[i] = (struct peer){.networks = networks + i * each,
		                         .network_count = each};
	}
	for (size_t i = 0; i < ASKED; i++)
		asked[i] = i % 2 ? kind->address() : networks[draw() % count].address;
	double start = seconds();
	const struct peers *lookup = peers_new(arena, members, PEERS);
	double made = seconds();
	for (size_t i = 0; i < LOOKS; i++)
		found += peers_find(lookup, &asked[(i + 2 * found) % ASKED]) != NULL;
	printf("%-36s %6.1f ns  (made in %.1f ms, %.0f%% found)\n", kind->name,
	       (seconds() - made) / LOOKS * 1e9, (made - start) * 1e3,
	       (double)found / LOOKS * 100);
	free(networks);
	arena_free(arena);
}

int main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
	if (count < PEERS)
		return 2;
	printf("%zu networks of %d peers\n", count, PEERS);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		measure(&kinds[i], count);
	return 0;
}
