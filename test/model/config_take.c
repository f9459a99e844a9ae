/* SPDX-License-Identifier: MIT */

#include "model/config_take.h"

#include "base/error.h"
#include "test/model/load.h"

static KeyFile *one_key(const char *value)
{
	g_autofree char *text = g_strdup_printf("[g]\nk=%s\n", value);

	return keyfile_parse(text, strlen(text), NULL);
}

static void test_path(void)
{
	Config config = { .path = (char *)"/etc/rauc/system.conf" };
	g_autoptr(KeyFile) file = one_key("x"), empty = one_key(""), unset = one_key("");
	g_autofree char *path = NULL, *none = NULL, *missing = NULL, *optional = NULL;
	g_autoptr(GError) error = NULL;

	g_assert_true(config_take_path(&config, file, "g", "k", &path, NULL));
	g_assert_cmpstr(path, ==, "/etc/rauc/x");
	g_assert_true(config_take_path(&config, file, "g", "other", &missing, NULL));
	g_assert_null(missing);
	g_assert_false(config_take_path(&config, empty, "g", "k", &none, &error));
	g_assert_cmpstr(error->message, ==, "Missing value for key 'k' in group '[g]'");
	g_assert_true(config_take_optional_path(&config, unset, "g", "k", &optional, NULL));
	g_assert_null(optional);
}

static const struct {
	const char *value, *words; /* words "!": refused */
} lines[] = {
	{ "a b", "a|b" }, { "  a   b ", "a|b" }, { "'a b' c", "a b|c" }, { "\"a 'b'\"", "a 'b'" },
	{ "", NULL },     { "'open", "!" },      { "a\\\\ b", "a b" },   { "#", "!" },
};

static void test_words(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autoptr(KeyFile) file = one_key(lines[i].value);
		g_autoptr(GError) error = NULL;
		g_auto(GStrv) words = NULL;
		bool took = config_take_words(file, "g", "k", &words, &error);

		g_test_message("%s", lines[i].value);
		if (g_strcmp0(lines[i].words, "!") == 0) {
			g_assert_false(took);
			g_assert_nonnull(strstr(error->message, "for key 'k' in group '[g]'"));
			continue;
		}
		g_assert_no_error(error);
		assert_list(words, lines[i].words);
	}
}

static void test_unknown(void)
{
	static const char *const known[] = { "a", "b", NULL };
	g_auto(GStrv) good = g_strsplit("b a b", " ", -1), bad = g_strsplit("a c d", " ", -1);

	g_assert_null(config_take_unknown(NULL, known));
	g_assert_null(config_take_unknown(good, known));
	g_assert_cmpstr(config_take_unknown(bad, known), ==, "c");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config_take/path", test_path);
	g_test_add_func("/model/config_take/words", test_words);
	g_test_add_func("/model/config_take/unknown", test_unknown);
	return g_test_run();
}
