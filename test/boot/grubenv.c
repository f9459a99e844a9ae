/* SPDX-License-Identifier: MIT */

/* boot/grubenv.c: bytes in, variables out, and the reverse. */

#include <glib.h>
#include <string.h>

#include "boot/grubenv.h"

#define HEADER "# GRUB Environment Block\n"

/* `text` filled up to `size` with `filler`. */
static char *fill(const char *text, size_t size, char filler)
{
	char *bytes = g_malloc(size + 1);
	size_t length = MIN(strlen(text), size);

	memcpy(bytes, text, length);
	memset(bytes + length, filler, size - length);
	return bytes;
}

static const struct {
	const char *text, *a, *b, *damage;
	size_t size;
	char filler;
} blocks[] = {
	{ HEADER, NULL, NULL, NULL, 1024, '#' },
	{ HEADER "A=1\nB=2\n", "1", "2", NULL, 1024, '#' },
	{ HEADER "# a comment with \\\nA=1\n", "1", NULL, NULL, 1024, '#' },
	{ HEADER "A=x\\\\y\\\nz\nB=\n", "x\\y\nz", "", NULL, 1024, '#' },
	{ HEADER "A=a=b#c\nB= 1 \n", "a=b#c", " 1 ", NULL, 1024, '#' },
	{ HEADER "AA=1\nB=2\n", NULL, "2", NULL, 1024, '#' },
	{ HEADER "A=1\n", "1", NULL, NULL, 4096, '#' },
	{ "", NULL, NULL, "has 0 bytes instead of 1024", 0, '#' },
	{ HEADER "A=1\nB=2\n", "1", "2", "has 600 bytes instead of 1024", 600, '#' },
	{ HEADER "A=1\nB=2\n", "1", NULL, "has 31 bytes instead of 1024", 31, '#' },
	{ HEADER, NULL, NULL, "has 12 bytes instead of 1024", 12, '#' },
	{ "", NULL, NULL, "has no GRUB header", 1024, '\0' },
	{ "", NULL, NULL, "has no GRUB header", 1024, '\xff' },
	{ "", NULL, NULL, "has no GRUB header", 1024, '#' },
	{ "# GRUB environment block\nA=1\n", "1", NULL, "has no GRUB header", 1024, '#' },
	{ "# GRUB Environment Block\r\nA=1\n", "1", NULL, "has no GRUB header", 1024, '#' },
	{ HEADER "A=1\n", "1", NULL, "has an incomplete line at byte 29", 1024, '\0' },
	{ HEADER "A=1\nB=2", "1", NULL, "has an incomplete line at byte 29", 1024, '#' },
	{ HEADER "A=1\nB=2\\", "1", NULL, "has an incomplete line at byte 29", 1024, '#' },
	{ HEADER "A=1\n", "1", NULL, "has an incomplete line at byte 29", 1024, 'x' },
	{ HEADER "junk\nA=1\n", "1", NULL, "has a line that is no variable at byte 25", 1024, '#' },
	{ HEADER "\nA=1\n", "1", NULL, "has a line that is no variable at byte 25", 1024, '#' },
	{ HEADER "=1\nA=1\n", "1", NULL, "has a line that is no variable at byte 25", 1024, '#' },
	{ HEADER "A B=1\nA=1\n", "1", NULL, "has a line that is no variable at byte 25", 1024,
	  '#' },
	{ HEADER "A=\x01\nB=1\n", NULL, "1", "has a line that is no variable at byte 25", 1024,
	  '#' },
	{ HEADER "A=1\r\nB=1\n", "1", "1", "has a line that is no variable at byte 25", 1024, '#' },
	{ HEADER "A=1\nB=1\nA=2\n", "2", "1", "names a variable twice, again at byte 33", 1024,
	  '#' },
	{ HEADER "A=1\nA=2\nB=3", "2", NULL, "names a variable twice, again at byte 29", 1024,
	  '#' },
};

static void assert_same(const Grubenv *one, const Grubenv *other)
{
	g_assert_cmpmem(one->bytes, one->size, other->bytes, other->size);
}

static void test_blocks(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(blocks); i++) {
		g_autofree char *bytes = fill(blocks[i].text, blocks[i].size, blocks[i].filler);
		g_autoptr(Grubenv) env = grubenv_parse(bytes, blocks[i].size);
		g_autoptr(Grubenv) again = grubenv_parse(env->bytes, env->size);
		g_autofree char *a = grubenv_get(env, "A"), *b = grubenv_get(env, "B");

		g_assert_cmpstr(env->damage, ==, blocks[i].damage);
		g_assert_cmpstr(a, ==, blocks[i].a);
		g_assert_cmpstr(b, ==, blocks[i].b);
		g_assert_cmpint(env->size, ==, MAX(blocks[i].size, GRUBENV_SIZE));
		g_assert_null(again->damage);
		assert_same(again, env);
	}
}

static void test_set(void)
{
	g_autofree char *bytes = fill(HEADER "# mine\nA=1\nB=2\n", GRUBENV_SIZE, '#');
	g_autofree char *after = fill(HEADER "# mine\nA=a\\\\\\\n\nB=2\nC=\n", GRUBENV_SIZE, '#');
	g_autoptr(Grubenv) env = grubenv_parse(bytes, GRUBENV_SIZE);

	g_assert_true(grubenv_set(env, "A", "a\\\n"));
	g_assert_true(grubenv_set(env, "C", ""));
	g_assert_cmpmem(env->bytes, env->size, after, GRUBENV_SIZE);
	g_assert_true(grubenv_set(env, "C", "longer for a while"));
	g_assert_true(grubenv_set(env, "C", ""));
	g_assert_cmpmem(env->bytes, env->size, after, GRUBENV_SIZE);
}

/* The last byte can be used, the one after it not; a refusal changes nothing. */
static void test_full(void)
{
	size_t room = GRUBENV_SIZE - strlen(HEADER "A=\n");
	g_autofree char *fits = g_strnfill(room, 'x'), *much = g_strnfill(room + 1, 'x');
	g_autoptr(Grubenv) env = grubenv_parse("", 0);

	g_assert_false(grubenv_set(env, "A", much));
	g_assert_true(grubenv_set(env, "A", fits));

	g_autoptr(Grubenv) full = grubenv_parse(env->bytes, env->size);
	g_assert_null(full->damage);
	g_assert_false(grubenv_set(full, "A", much));
	g_assert_false(grubenv_set(full, "B", ""));
	assert_same(full, env);
	g_assert_true(grubenv_set(full, "A", "1"));
	g_assert_true(grubenv_set(full, "B", ""));
}

/* Noise of every kind gives a block that is sound and takes a change. */
static void test_noise(void)
{
	static const char few[] = "A=1\n\\# B\0\x80";
	g_autoptr(GRand) rand = g_rand_new_with_seed(6);

	for (unsigned round = 0; round < 3000; round++) {
		size_t size = (size_t)g_rand_int_range(rand, 0, 1200);
		g_autofree char *bytes = fill(round % 2 ? HEADER : "", size, '#');

		for (size_t i = round % 2 ? strlen(HEADER) : 0; i < size; i++)
			bytes[i] = few[g_rand_int_range(rand, 0, sizeof(few) - 1)];

		g_autoptr(Grubenv) env = grubenv_parse(bytes, size);
		g_autoptr(Grubenv) again = grubenv_parse(env->bytes, env->size);
		g_assert_null(again->damage);
		assert_same(again, env);
		if (grubenv_set(env, "A", "new")) {
			g_autofree char *a = grubenv_get(env, "A");
			g_assert_cmpstr(a, ==, "new");
		}
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/grubenv/blocks", test_blocks);
	g_test_add_func("/boot/grubenv/set", test_set);
	g_test_add_func("/boot/grubenv/full", test_full);
	g_test_add_func("/boot/grubenv/noise", test_noise);
	return g_test_run();
}
