/* SPDX-License-Identifier: MIT */

#include "source/remote_store.h"

#include <glib.h>
#include <string.h>

#define N 200

static void put(RemoteStore *store, uint64_t number, bool is_table, bool is_passed)
{
	uint8_t *place = remote_store_take(store);

	memset(place, (int)(number % 251), REMOTE_PIECE);
	remote_store_put(store, place, number, is_table, is_passed);
}

static void read_one(RemoteStore *store, uint64_t number)
{
	const uint8_t *piece = remote_store_read(store, number);

	g_assert_nonnull(piece);
	g_assert_cmpuint(piece[0], ==, number % 251);
	g_assert_cmpuint(piece[REMOTE_PIECE - 1], ==, number % 251);
}

/* What was read goes first, the oldest of it; then what nobody has read, the oldest too. */
static void test_order(void)
{
	RemoteStore *store = remote_store_new(N);

	for (uint64_t i = 0; i < N; i++)
		put(store, i, false, i == 7);
	g_assert_cmpuint(remote_store_unread(store), ==, N - 1);
	read_one(store, 5);
	read_one(store, 3);
	put(store, 1000, false, false); /* passed, never read: it is 7 that goes */
	g_assert_false(remote_store_has(store, 7));
	put(store, 1001, false, false);
	g_assert_false(remote_store_has(store, 5));
	read_one(store, 3);
	read_one(store, 4);
	put(store, 1002, false, false);
	g_assert_false(remote_store_has(store, 3));
	put(store, 1003, false, false);
	g_assert_false(remote_store_has(store, 4));
	put(store, 1004, false, false);
	g_assert_false(remote_store_has(store, 0));
	g_assert_true(remote_store_has(store, 1));
	g_assert_null(remote_store_read(store, 0));
	for (uint64_t i = 1000; i < 1005; i++)
		read_one(store, i);
	remote_store_free(store);
}

/* Tables outlive what streams by, but only so many. */
static void test_tables(void)
{
	RemoteStore *store = remote_store_new(N);

	for (uint64_t i = 0; i < REMOTE_MOST_TABLES + 10; i++) {
		put(store, i, true, false);
		read_one(store, i);
	}
	for (uint64_t i = 1000; i < 5000; i++) {
		put(store, i, false, false);
		read_one(store, i);
	}
	for (uint64_t i = 0; i < 10; i++)
		g_assert_false(remote_store_has(store, i));
	for (uint64_t i = 10; i < REMOTE_MOST_TABLES + 10; i++)
		read_one(store, i);
	remote_store_free(store);
}

/* What one ends with and another begins with outlives what streams by too, but fewer of them, and no table goes for it. */
static void test_kept(void)
{
	const uint64_t n = REMOTE_MOST_KEPT + 10;
	RemoteStore *store = remote_store_new(N);

	put(store, 999, true, false);
	read_one(store, 999);
	remote_store_keep(store, 999); /* it is kept longer than that already */
	put(store, 500, false, false);
	remote_store_keep(store, 500); /* nobody has read it */
	remote_store_keep(store, 501); /* nor is this there */
	g_assert_cmpuint(remote_store_unread(store), ==, 1);
	for (uint64_t i = 0; i < n; i++) {
		put(store, i, false, false);
		read_one(store, i);
		remote_store_keep(store, i);
	}
	for (uint64_t i = 1000; i < 5000; i++) {
		put(store, i, false, false);
		read_one(store, i);
	}
	for (uint64_t i = 0; i < 10; i++)
		g_assert_false(remote_store_has(store, i));
	for (uint64_t i = 10; i < n; i++)
		g_assert_true(remote_store_has(store, i));
	for (uint64_t i = 6000; i < 6000 + N - 2; i++) /* all but the table and 500 */
		put(store, i, false, false);
	for (uint64_t i = 10; i < n; i++)
		g_assert_false(remote_store_has(store, i));
	g_assert_true(remote_store_has(store, 999) && remote_store_has(store, 500));
	remote_store_free(store);
}

static void test_again(void)
{
	RemoteStore *store = remote_store_new(N);
	uint8_t *place;

	for (unsigned i = 0; i < 3 * N; i++)
		put(store, 4, false, false);
	g_assert_cmpuint(remote_store_unread(store), ==, 1);
	read_one(store, 4);
	for (unsigned i = 0; i < 3 * N; i++) {
		place = remote_store_take(store);
		remote_store_drop(store, place);
	}
	read_one(store, 4); /* there was always room without it */
	remote_store_free(store);
	remote_store_free(NULL);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/remote-store/order", test_order);
	g_test_add_func("/source/remote-store/tables", test_tables);
	g_test_add_func("/source/remote-store/kept", test_kept);
	g_test_add_func("/source/remote-store/again", test_again);
	return g_test_run();
}
