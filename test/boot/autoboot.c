/* SPDX-License-Identifier: MIT */

/* boot/autoboot.c: texts in, values out, and the reverse; no bytes that it cannot take. */

#include <glib.h>
#include <string.h>

#include "boot/autoboot.h"

static const struct {
	const char *text;
	unsigned all, tryboot;
	bool is_a_b, has_state;
	AutobootState a;
	unsigned left;
} texts[] = {
	{ "", 0, 0, false, false, AUTOBOOT_UNKNOWN, 0 },
	{ "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n", 2, 3, true,
	  false, AUTOBOOT_UNKNOWN, 0 },
	{ "boot_partition=2\r\n[tryboot]\r\nboot_partition=12\r\n", 2, 12, false, false,
	  AUTOBOOT_UNKNOWN, 0 },
	{ "[none]\nboot_partition=2\n", 0, 0, false, false, AUTOBOOT_UNKNOWN, 0 },
	{ "[all]\nboot_partition=0\n", 0, 0, false, false, AUTOBOOT_UNKNOWN, 0 },
	{ "[all]\nboot_partition=64\n", 0, 0, false, false, AUTOBOOT_UNKNOWN, 0 },
	{ "[all]\nboot_partition=2x\n", 0, 0, false, false, AUTOBOOT_UNKNOWN, 0 },
	{ "[all]\nboot_partition=2\nboot_partition=3\n", 3, 0, false, false, AUTOBOOT_UNKNOWN, 0 },
	{ "# rauc A=good\n", 0, 0, false, true, AUTOBOOT_GOOD, 0 },
	{ "# rauc A=trial:3\n", 0, 0, false, true, AUTOBOOT_TRIAL, 3 },
	{ "# rauc A=trial:0\n", 0, 0, false, true, AUTOBOOT_UNKNOWN, 0 },
	{ "# rauc A=trial:100\n", 0, 0, false, true, AUTOBOOT_UNKNOWN, 0 },
	{ "# rauc A=trial\n", 0, 0, false, true, AUTOBOOT_UNKNOWN, 0 },
	{ "# rauc A=used B=good\n", 0, 0, false, true, AUTOBOOT_USED, 0 },
	{ "# rauc =good A=good A=bad\n", 0, 0, false, true, AUTOBOOT_BAD, 0 },
	{ "# rauc A=bood\n", 0, 0, false, true, AUTOBOOT_UNKNOWN, 0 },
	{ "# raucous A=good\n", 0, 0, false, false, AUTOBOOT_UNKNOWN, 0 },
	{ "\xff\xfe\nboot_partition=2\n", 2, 0, false, false, AUTOBOOT_UNKNOWN, 0 },
};

static void test_texts(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(Autoboot) autoboot = autoboot_parse(texts[i].text, strlen(texts[i].text));
		const AutobootSlot *slot = autoboot_slot(autoboot, "A");

		g_assert_cmpuint(autoboot->all, ==, texts[i].all);
		g_assert_cmpuint(autoboot->tryboot, ==, texts[i].tryboot);
		g_assert_cmpint(autoboot->is_a_b, ==, texts[i].is_a_b);
		g_assert_cmpint(autoboot->has_state, ==, texts[i].has_state);
		g_assert_cmpint(slot->state, ==, texts[i].a);
		g_assert_cmpuint(slot->left, ==, texts[i].left);
	}
}

static Autoboot *with(unsigned all, unsigned tryboot, AutobootState b)
{
	Autoboot *autoboot = autoboot_parse("", 0);

	autoboot->all = all;
	autoboot->tryboot = tryboot;
	autoboot_slot(autoboot, "A")->state = AUTOBOOT_GOOD;
	autoboot_slot(autoboot, "B")->state = b;
	autoboot_slot(autoboot, "B")->left = 3;
	return autoboot;
}

static void test_format(void)
{
	static const char wanted[] =
		"[all]\ntryboot_a_b=1\nboot_partition=2\n\n"
		"[tryboot]\nboot_partition=3\n\n# rauc A=good     B=trial:3 \n";
	g_autoptr(Autoboot) autoboot = with(2, 3, AUTOBOOT_TRIAL);
	g_autofree char *text = autoboot_format(autoboot);

	g_assert_cmpuint(strlen(text), ==, AUTOBOOT_SIZE);
	g_assert_true(g_str_has_prefix(text, wanted));
	for (const char *rest = text + strlen(wanted); *rest; rest++)
		g_assert_cmpint(*rest, ==, '\n');
	g_autoptr(Autoboot) again = autoboot_parse(text, AUTOBOOT_SIZE);
	g_assert_true(again->is_a_b && again->has_state);
	g_assert_cmpuint(again->tryboot, ==, 3);
	g_assert_cmpint(autoboot_slot(again, "B")->state, ==, AUTOBOOT_TRIAL);
	g_assert_cmpuint(autoboot_slot(again, "B")->left, ==, 3);
}

/* Whatever changes, every line stays where it was. */
static void test_places(void)
{
	g_autoptr(Autoboot) small = with(2, 3, AUTOBOOT_TRIAL), large = with(12, 13, AUTOBOOT_BAD);
	g_autofree char *one = autoboot_format(small), *other = autoboot_format(large);

	g_assert_cmpint(strstr(one, "[tryboot]") - one, ==, strstr(other, "[tryboot]") - other);
	g_assert_cmpint(strstr(one, "# rauc") - one, ==, strstr(other, "# rauc") - other);
	g_assert_cmpint(strstr(one, " B=") - one, ==, strstr(other, " B=") - other);
}

static void test_full(void)
{
	g_autoptr(Autoboot) autoboot = with(2, 3, AUTOBOOT_BAD);
	g_autofree char *name = g_strnfill(AUTOBOOT_SIZE, 'x');

	autoboot_slot(autoboot, name)->state = AUTOBOOT_GOOD;
	g_assert_null(autoboot_format(autoboot));
}

static void test_random(void)
{
	g_autoptr(GRand) chance = g_rand_new_with_seed(7);
	g_autoptr(Autoboot) autoboot = with(2, 3, AUTOBOOT_TRIAL);
	g_autofree char *good = autoboot_format(autoboot);

	for (int i = 0; i < 4000; i++) {
		char bytes[AUTOBOOT_SIZE];
		size_t size = (size_t)g_rand_int_range(chance, 0, AUTOBOOT_SIZE + 1);

		memcpy(bytes, good, sizeof bytes);
		for (int n = g_rand_int_range(chance, 0, 20); n > 0; n--)
			bytes[g_rand_int_range(chance, 0, 100)] =
				(char)g_rand_int_range(chance, 0, 256);
		g_autoptr(Autoboot) found = autoboot_parse(bytes, size);
		g_assert_cmpuint(found->all, <, 64);
		g_assert_cmpuint(found->tryboot, <, 64);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/autoboot/texts", test_texts);
	g_test_add_func("/boot/autoboot/format", test_format);
	g_test_add_func("/boot/autoboot/places", test_places);
	g_test_add_func("/boot/autoboot/full", test_full);
	g_test_add_func("/boot/autoboot/random", test_random);
	return g_test_run();
}
