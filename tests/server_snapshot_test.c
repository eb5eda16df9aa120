/* SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/snapshot.h"
#include "tests/runner.h"

/* The n-th table has n rules. */
enum { TABLES = 4, READERS = 3, SWAPS = 2000 };

static char paths[TABLES + 1][32];

static void enter(void)
{
	char folder[] = "/tmp/signpost-snapshot-XXXXXX";
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
	for (int n = 1; n <= TABLES; n++) {
		snprintf(paths[n], sizeof paths[n], "%d.yaml", n);
		FILE *file = fopen(paths[n], "w");
		fputs("rules:\n", file);
		for (int i = 0; i < n; i++)
			fprintf(file, "  - {called: \"%d\", reject: 404}\n", i);
		fclose(file);
	}
}

static void leave(void)
{
	char folder[64];
	for (int n = 1; n <= TABLES; n++)
		unlink(paths[n]);
	if (getcwd(folder, sizeof folder))
		rmdir(folder);
}

static struct configuration *load(int n)
{
	static _Thread_local struct configuration loaded;
	struct diags *diags = diags_new();
	struct table *table = table_load(paths[n], TABLE_BYTES_MAX, diags);
	ck_assert_ptr_nonnull(table);
	diags_free(diags);
	loaded = (struct configuration){.table = table};
	return &loaded;
}

static size_t rules_of(const struct configuration *configuration)
{
	return table_counts(configuration->table).rules;
}

START_TEST(a_swap_is_seen_at_once_and_hurts_no_holder)
{
	struct snapshot *snapshot = snapshot_new(load(1));
	const struct configuration *first = snapshot_acquire(snapshot);
	ck_assert(snapshot_swap(snapshot, load(2)));
	const struct configuration *second = snapshot_acquire(snapshot);
	const struct configuration *again = snapshot_acquire(snapshot);
	ck_assert(snapshot_swap(snapshot, load(3)));
	ck_assert(snapshot_swap(snapshot, load(4)));
	ck_assert_uint_eq(snapshot_reap(snapshot), 2); /* the third was nobody's */
	ck_assert_ptr_eq(second, again);
	ck_assert_uint_ne(first->serial, second->serial);
	ck_assert_uint_eq(rules_of(first), 1);
	ck_assert_uint_eq(rules_of(second), 2);
	snapshot_release(snapshot, second);
	ck_assert_uint_eq(rules_of(again), 2);
	snapshot_release(snapshot, again);
	snapshot_release(snapshot, first);
	ck_assert_uint_eq(snapshot_reap(snapshot), 0);
	const struct configuration *last = snapshot_acquire(snapshot);
	ck_assert_uint_eq(rules_of(last), 4);
	snapshot_release(snapshot, last);
	snapshot_free(snapshot);
}
END_TEST

START_TEST(nothing_is_freed_twice_by_freeing_nothing)
{
	snapshot_free(NULL);
}
END_TEST

/* Many threads */

struct shared {
	struct snapshot *snapshot;
	atomic_bool stop;
	atomic_size_t looks, wrong;
};

/* A table's lookups tell how many rules it has: it is whole, and not freed. */
static void *read_tables(void *arg)
{
	struct shared *shared = arg;
	struct workspace *workspace = workspace_new();
	while (!shared->stop) {
		const struct configuration *held = snapshot_acquire(shared->snapshot);
		size_t rules = rules_of(held), matching = 0;
		for (int i = 0; i < TABLES; i++) {
			struct decision decision;
			char called = (char)('0' + i);
			struct facts facts = {.called = {&called, 1}};
			table_lookup(held->table, &facts, workspace, NULL, &decision);
			matching += decision.position.line > 0;
		}
		shared->wrong += matching != rules;
		shared->looks++;
		snapshot_release(shared->snapshot, held);
	}
	workspace_free(workspace);
	return NULL;
}

static void *swap_tables(void *arg)
{
	struct shared *shared = arg;
	for (int i = 0; i < SWAPS; i++) {
		snapshot_reap(shared->snapshot);
		if (!snapshot_swap(shared->snapshot, load(1 + i % TABLES)))
			shared->wrong++;
	}
	return NULL;
}

static void run_threads(void)
{
	struct shared shared = {.snapshot = snapshot_new(load(1))};
	pthread_t readers[READERS], writers[2];
	for (int i = 0; i < READERS; i++)
		pthread_create(&readers[i], NULL, read_tables, &shared);
	for (int i = 0; i < 2; i++)
		pthread_create(&writers[i], NULL, swap_tables, &shared);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	shared.stop = true;
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	ck_assert_uint_eq(shared.wrong, 0);
	ck_assert_uint_gt(shared.looks, 0);
	snapshot_free(shared.snapshot);
}

/* Thousands of tables have come and gone: one that was not freed would be seen here, one
 * freed twice by malloc() or a sanitizer. */
START_TEST(every_table_is_freed_once_when_its_last_reader_lets_go)
{
	run_threads();
	size_t before = mallinfo2().uordblks;
	run_threads();
	ck_assert_uint_lt(mallinfo2().uordblks, before + 100000);
}
END_TEST

Suite *test_suite(void)
{
	Suite *suite = suite_create("server/snapshot");
	TCase *tests = tcase_create("snapshot");
	tcase_add_unchecked_fixture(tests, enter, leave);
	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, a_swap_is_seen_at_once_and_hurts_no_holder);
	tcase_add_test(tests, nothing_is_freed_twice_by_freeing_nothing);
	tcase_add_test(tests, every_table_is_freed_once_when_its_last_reader_lets_go);
	suite_add_tcase(suite, tests);
	return suite;
}
