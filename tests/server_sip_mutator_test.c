/* SPDX-License-Identifier: MIT */
#include "server/sip/message.h"
#include "tests/fuzz/sip_mutator.c"
#include "tests/runner.h"

#define SEEDS 5000

const size_t sip_mutator_prefix = 0;

static const char invite[] = "INVITE sip:+442071234567@a.test SIP/2.0\r\n"
			     "Via: SIP/2.0/UDP 192.0.2.1;rport;branch=z9hG4bK1\r\n"
			     "From: <sip:alice@a.test>;tag=1\r\n"
			     "To: <sip:bob@a.test>\r\n"
			     "Call-ID: 1@a\r\n"
			     "CSeq: 1 INVITE\r\n"
			     "Content-Length: 4\r\n\r\nbody";

/* libFuzzer's, which is not here. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max)
{
	if (size < size_max)
		data[size++] = 'x';
	return size;
}

/* In memory of just that size, so that a sanitizer sees what goes beyond. */
static uint8_t *mutated(size_t size_max, unsigned seed, size_t *size)
{
	uint8_t *data = malloc(size_max);
	ck_assert_ptr_nonnull(data);
	*size = sizeof invite - 1 < size_max ? sizeof invite - 1 : size_max;
	memcpy(data, invite, *size);
	*size = LLVMFuzzerCustomMutator(data, *size, size_max, seed);
	if (*size < 1 || *size > size_max)
		ck_abort_msg("seed %u: %zu bytes of %zu", seed, *size, size_max);
	return data;
}

START_TEST(a_message_stays_within_its_room)
{
	static const size_t rooms[] = {1, 20, sizeof invite - 1, 4096};
	size_t size;
	for (unsigned seed = 0; seed < SEEDS; seed++)
		free(mutated(rooms[seed % COUNT(rooms)], seed * 2654435761u, &size));
}
END_TEST

START_TEST(one_seed_is_one_change)
{
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		size_t size, again;
		uint8_t *a = mutated(4096, seed, &size), *b = mutated(4096, seed, &again);
		if (size != again || memcmp(a, b, size) != 0)
			ck_abort_msg("seed %u", seed);
		free(a);
		free(b);
	}
}
END_TEST

START_TEST(most_messages_are_still_read_and_few_are_the_same)
{
	size_t read = 0, different = 0;
	ck_assert(message_init());
	for (unsigned seed = 0; seed < SEEDS; seed++) {
		size_t size;
		uint8_t *data = mutated(8192, seed * 2654435761u, &size);
		msg_t *msg = message_parse((struct slice){(const char *)data, size});
		const struct message *message = msg ? message_of(msg) : NULL;
		read += message && message->field_count > 3;
		different += size != sizeof invite - 1 || memcmp(data, invite, size) != 0;
		msg_destroy(msg);
		free(data);
	}
	ck_assert_uint_gt(read, SEEDS * 9 / 10);
	ck_assert_uint_gt(different, SEEDS * 9 / 10);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("SIP mutator");
	TCase *tests = tcase_create("mutator");
	tcase_set_timeout(tests, 30);
	tcase_add_test(tests, a_message_stays_within_its_room);
	tcase_add_test(tests, one_seed_is_one_change);
	tcase_add_test(tests, most_messages_are_still_read_and_few_are_the_same);
	suite_add_tcase(suite, tests);
	return suite;
}
