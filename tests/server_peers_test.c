/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "server/settings/settings.h"
#include "server/trust/peers.h"
#include "tests/runner.h"

#define PEERS    4
#define NETWORKS 60 /* of each peer */

static struct network networks[PEERS][NETWORKS];
static struct peer peers[PEERS];
static const struct peer *members[PEERS];

/* What a search through all of them finds. */
static const struct peer *find_slowly(const struct address *address)
{
	const struct peer *best = NULL;
	unsigned best_bits = 0;
	for (size_t p = 0; p < PEERS; p++)
		for (size_t n = 0; n < peers[p].network_count; n++) {
			const struct network *network = &networks[p][n];
			if (network_has(network, address) &&
			    (!best || network->bits > best_bits)) {
				best = &peers[p];
				best_bits = network->bits;
			}
		}
	return best;
}

static uint32_t drawn;

static unsigned draw(unsigned below)
{
	drawn = drawn * 1664525 + 1013904223;
	return (drawn >> 8) % below;
}

/* Bytes are few different ones, so that networks lie in each other, beside each other and
 * at both ends of everything. */
static struct address draw_address(bool v4)
{
	static const uint8_t bytes[] = {0, 0, 1, 0x7f, 0x80, 0xff, 0xff};
	struct address address = {0};
	for (size_t i = v4 ? 12 : 0; i < 16; i++)
		address.bytes[i] = bytes[draw(sizeof bytes)];
	if (v4)
		address.bytes[10] = address.bytes[11] = 0xff;
	return address;
}

static struct network draw_network(void)
{
	bool v4 = draw(2);
	struct network network = {draw_address(v4),
	                          (uint8_t)(v4 ? 96 + draw(33) : draw(129))};
	for (unsigned bit = network.bits; bit < 128; bit++)
		network.address.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return network;
}

static void draw_peers(void)
{
	for (size_t p = 0; p < PEERS; p++) {
		members[p] = &peers[p];
		peers[p] = (struct peer){.networks = networks[p],
		                         .network_count = draw(NETWORKS + 1)};
		for (size_t n = 0; n < peers[p].network_count; n++)
			networks[p][n] = draw_network();
	}
}

/* The address before first, or the one behind it. */
static struct address step(struct address address, bool up)
{
	for (size_t i = 16; i-- > 0;) {
		address.bytes[i] = (uint8_t)(address.bytes[i] + (up ? 1 : -1));
		if (address.bytes[i] != (up ? 0 : 0xff))
			break;
	}
	return address;
}

static struct address last_of(const struct network *network)
{
	struct address address = network->address;
	for (unsigned bit = network->bits; bit < 128; bit++)
		address.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return address;
}

static void check(const struct peers *lookup, struct address address)
{
	char text[ADDRESS_TEXT_MAX];
	const struct peer *want = find_slowly(&address),
			  *got = peers_find(lookup, &address);
	ck_assert_msg(want == got, "%s: peer %td, not %td", address_text(&address, text),
	              got ? got - peers : -1, want ? want - peers : -1);
}

START_TEST(every_address_is_that_of_the_most_specific_network)
{
	drawn = (uint32_t)_i;
	for (int round = 0; round < 50; round++) {
		struct arena *arena = arena_new(1 << 20);
		draw_peers();
		const struct peers *lookup = peers_new(arena, members, PEERS);
		ck_assert_ptr_nonnull(lookup);
		for (size_t p = 0; p < PEERS; p++)
			for (size_t n = 0; n < peers[p].network_count; n++) {
				const struct network *network = &networks[p][n];
				check(lookup, network->address);
				check(lookup, step(network->address, false));
				check(lookup, last_of(network));
				check(lookup, step(last_of(network), true));
			}
		for (int i = 0; i < 200; i++)
			check(lookup, draw_address(i % 2));
		arena_free(arena);
	}
}
END_TEST

START_TEST(without_networks_everybody_is_a_stranger)
{
	struct arena *arena = arena_new(1 << 16);
	const struct peers *lookup = peers_new(arena, NULL, 0);
	struct address v4 = {{[10] = 0xff, [11] = 0xff, [12] = 10}}, v6 = {{0x20}};
	ck_assert_ptr_nonnull(lookup);
	ck_assert_ptr_null(peers_find(lookup, &v4));
	ck_assert_ptr_null(peers_find(lookup, &v6));
	arena_free(arena);
}
END_TEST

START_TEST(running_out_of_memory_leaves_nothing_behind)
{
	drawn = 7;
	draw_peers();
	for (size_t limit = 0;; limit += 512) {
		struct arena *arena = arena_new(limit);
		const struct peers *lookup =
			arena ? peers_new(arena, members, PEERS) : NULL;
		arena_free(arena);
		if (lookup)
			break;
	}
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/peers");
	TCase *tests = tcase_create("peers");
	tcase_set_timeout(tests, 60);
	tcase_add_loop_test(tests, every_address_is_that_of_the_most_specific_network, 0,
	                    10);
	tcase_add_test(tests, without_networks_everybody_is_a_stranger);
	tcase_add_test(tests, running_out_of_memory_leaves_nothing_behind);
	suite_add_tcase(suite, tests);
	return suite;
}
