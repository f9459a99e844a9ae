/* SPDX-License-Identifier: MIT */

#include "source/sought.h"

#include <string.h>

#include "crypto/digest.h"

static void digest_of(uint32_t number, uint8_t digest[DIGEST_SIZE])
{
	digest_bytes(&number, sizeof(number), digest);
}

static void test_found(void)
{
	g_autoptr(SoughtTable) table = sought_new(5000);
	uint8_t digest[DIGEST_SIZE];
	uint32_t n;

	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < 5000; i++) {
			digest_of(i / 2, digest);
			g_assert_true(sought_add(table, digest, 5000 - i) == (i < 4999));
		}
		sought_sort(table);
		for (uint32_t i = 0; i < 2500; i++) {
			digest_of(i, digest);
			Sought *found = sought_find(table, digest);

			g_assert_nonnull(found); /* the one that is the first in the image */
			g_assert_cmpuint(found->chunk, ==, 5000 - 2 * i - 1);
			g_assert_cmpuint(found[1].chunk, ==, 5000 - 2 * i);
			g_assert_cmpuint(found->word, ==, 0);
			found->word = 1;
		}
		for (uint32_t i = 2500; i < 5000; i++) {
			digest_of(i, digest);
			g_assert_null(sought_find(table, digest));
		}
		const Sought *all = sought_all(table, &n);
		g_assert_cmpuint(n, ==, 5000);
		for (uint32_t i = 1; i < n; i++)
			g_assert_true(
				all[i - 1].key < all[i].key ||
				(all[i - 1].key == all[i].key && all[i - 1].chunk < all[i].chunk));
		sought_clear(table);
	}
}

static void test_ends(void)
{
	g_autoptr(SoughtTable) table = sought_new(2);
	uint8_t low[DIGEST_SIZE] = { 0 }, high[DIGEST_SIZE], middle[DIGEST_SIZE];

	memset(high, 0xff, sizeof(high));
	memset(middle, 0x80, sizeof(middle));
	sought_sort(table);
	g_assert_null(sought_find(table, low));
	g_assert_null(sought_find(table, high));
	sought_add(table, high, 1);
	sought_add(table, low, 2);
	sought_sort(table);
	g_assert_cmpuint(sought_find(table, low)->chunk, ==, 2);
	g_assert_cmpuint(sought_find(table, high)->chunk, ==, 1);
	g_assert_null(sought_find(table, middle));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/sought/found", test_found);
	g_test_add_func("/source/sought/ends", test_ends);
	return g_test_run();
}
