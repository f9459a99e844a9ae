/* SPDX-License-Identifier: MIT */

#include "squashfs/table.h"

#include "base/error.h"
#include "hand.h"

#define BLOCK 15000
#define LIST  18000

/* A hand whose ids and fragments are in one block at BLOCK, listed at LIST. */
static Hand *table_hand(uint64_t pointer)
{
	Hand *hand = g_new0(Hand, 1);
	uint8_t raw[32];

	hand_put(raw, 8, 0x123456789a);
	hand_put(raw + 8, 4, 0x1000800);
	hand_put(raw + 12, 4, 77);
	hand_put(raw + 16, 8, 96);
	hand_put(raw + 24, 4, 5);
	hand_put(raw + 28, 4, 0);
	hand_block(hand, BLOCK, raw, sizeof(raw));
	hand_put(hand->raw + LIST, 8, pointer);
	hand_open(hand);
	hand->fs.super.id_table = hand->fs.super.fragment_table = LIST;
	return hand;
}

static void table_hand_free(Hand *hand)
{
	hand_close(hand);
	g_free(hand);
}

static void test_fragments(void)
{
	Hand *hand = table_hand(BLOCK);
	g_autoptr(GError) error = NULL;
	TableFragment fragment;

	g_assert_true(table_read_fragment(&hand->fs, 0, &fragment, &error));
	g_assert_cmpuint(fragment.at, ==, 0x123456789a);
	g_assert_cmpuint(fragment.word, ==, 0x1000800);
	g_assert_true(table_read_fragment(&hand->fs, 1, &fragment, &error));
	g_assert_cmpuint(fragment.at, ==, 96);
	g_assert_false(table_read_fragment(&hand->fs, 2, &fragment, &error));
	g_assert_cmpstr(error->message, ==, "squashfs: fragment 2 of 2");
	g_clear_error(&error);

	hand->fs.super.n_fragments = UINT32_MAX;
	g_assert_false(table_read_fragment(&hand->fs, 2, &fragment, &error));
	g_clear_error(&error);
	g_assert_false(table_read_fragment(&hand->fs, UINT32_MAX - 1, &fragment, &error));
	g_assert_cmpstr(error->message, ==, "squashfs: table at byte 18000 reaches past the end");
	table_hand_free(hand);
}

static void test_ids(void)
{
	Hand *hand = table_hand(BLOCK);
	g_autoptr(GError) error = NULL;

	g_autofree uint32_t *ids = table_read_ids(&hand->fs, &error);
	g_assert_no_error(error);
	g_assert_cmpuint(ids[0], ==, 0x3456789a);
	g_assert_cmpuint(ids[2], ==, 0x1000800);

	hand->fs.super.n_ids = 65535;
	g_assert_null(table_read_ids(&hand->fs, &error));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	table_hand_free(hand);
}

static void test_pointers(void)
{
	static const uint64_t pointers[] = { 0, 95, LIST, LIST - 1, HAND_SIZE, G_MAXUINT64 };

	for (unsigned i = 0; i < G_N_ELEMENTS(pointers); i++) {
		Hand *hand = table_hand(pointers[i]);
		g_autoptr(GError) error = NULL;
		TableFragment fragment;

		g_assert_false(table_read_fragment(&hand->fs, 0, &fragment, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
		table_hand_free(hand);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/squashfs/table/fragments", test_fragments);
	g_test_add_func("/squashfs/table/ids", test_ids);
	g_test_add_func("/squashfs/table/pointers", test_pointers);
	return g_test_run();
}
