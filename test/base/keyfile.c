/* SPDX-License-Identifier: MIT */

#include "base/keyfile.h"

#include <string.h>

#include "base/error.h"

static unsigned n_warnings;

static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields G_GNUC_UNUSED,
                                       gsize n_fields G_GNUC_UNUSED, gpointer user G_GNUC_UNUSED)
{
	n_warnings += level & G_LOG_LEVEL_WARNING ? 1 : 0;
	return G_LOG_WRITER_HANDLED;
}

static KeyFile *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	KeyFile *file = keyfile_parse(text, strlen(text), &error);

	g_assert_no_error(error);
	return file;
}

static const struct {
	const char *text;
	size_t size; /* 0: strlen */
	const char *expected;
} refused[] = {
	{ "", 0, "Input file is empty" },
	{ "[a]\nk=\0v\n", 9, "not a text file: it contains NUL bytes" },
	{ "[a]\nk=\xff\n", 0, "not a text file: it is not UTF-8" },
	{ "[a]\nk=v\nnonsense\n", 0,
	  "line 3 is neither 'key=value' nor '[group]' nor a comment: nonsense" },
	{ "[a]\n# fine\n\n  [b\n", 0,
	  "line 4 is neither 'key=value' nor '[group]' nor a comment: [b" },
	{ "k=v\n", 0, "Key file does not start with a group" },
	{ "[a]\n=v\n", 0, NULL },
	{ "[a\tb]\n", 0, NULL },
	{ "\x7f"
	  "ELF\x01\x02",
	  0, NULL },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		size_t size = refused[i].size ? refused[i].size : strlen(refused[i].text);
		g_autoptr(GError) error = NULL;
		g_autoptr(KeyFile) file = keyfile_parse(refused[i].text, size, &error);

		g_assert_null(file);
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
		g_assert_null(strchr(error->message, '\n'));
		if (refused[i].expected)
			g_assert_cmpstr(error->message, ==, refused[i].expected);
	}
}

/* A line of a megabyte and a group of many keys: neither slow nor repeated in the message. */
static void test_huge(void)
{
	g_autofree char *line = g_strnfill(1 << 20, 'x');
	g_autofree char *text = g_strconcat("[a]\n", line, "\n", NULL);
	g_autoptr(GError) error = NULL;
	g_autoptr(KeyFile) none = keyfile_parse(text, strlen(text), &error);

	g_assert_null(none);
	g_assert_cmpuint(strlen(error->message), <, 2000);

	g_autoptr(GString) many = g_string_new("[a]\n");
	for (unsigned i = 0; i < 100000; i++)
		g_string_append_printf(many, "k%u=v\n", i);
	g_autoptr(KeyFile) file = parse(many->str);
	g_auto(GStrv) keys = keyfile_keys(file, "a");
	g_assert_cmpuint(g_strv_length(keys), ==, 100000);
	for (char **key = keys; *key; key++) {
		g_autofree char *value = NULL;

		g_assert_true(keyfile_take_string(file, "a", *key, &value, NULL));
		g_assert_cmpstr(value, ==, "v");
	}
	g_assert_true(keyfile_end_group(file, "a", NULL));
}

static void test_order(void)
{
	g_autoptr(KeyFile) file =
		parse("[z]\nb=1\na=2\n[m]\n[a]\nx=\n[z]\nc=3\nb=last\nb[de]=kept\n");
	g_auto(GStrv) groups = keyfile_groups(file);
	g_auto(GStrv) keys = keyfile_keys(file, "z");
	g_autofree char *all_groups = g_strjoinv(" ", groups);
	g_autofree char *all_keys = g_strjoinv(" ", keys);
	g_autofree char *b = NULL;

	g_assert_cmpstr(all_groups, ==, "z m a");
	g_assert_cmpstr(all_keys, ==, "b a c b[de]");
	g_assert_true(keyfile_take_string(file, "z", "b", &b, NULL));
	g_assert_cmpstr(b, ==, "last");
	g_assert_false(keyfile_has(file, "z", "b"));
	g_assert_true(keyfile_has(file, "z", "a"));
}

/* "taken": what is taken is gone, what is left over is named. */
static void test_leftovers(void)
{
	g_autoptr(KeyFile) file = parse("[a]\nk=v\nleft=over\n[b]\n");
	g_autoptr(GError) key_error = NULL, group_error = NULL;
	g_autofree char *value = NULL, *again = NULL;

	g_assert_true(keyfile_take_string(file, "a", "k", &value, NULL));
	g_assert_true(keyfile_take_string(file, "a", "k", &again, NULL));
	g_assert_null(again);
	g_assert_false(keyfile_end_group(file, "a", &key_error));
	g_assert_cmpstr(key_error->message, ==, "Invalid key 'left' in group '[a]'");
	keyfile_drop(file, "a", "left");
	g_assert_true(keyfile_end_group(file, "a", NULL));
	g_assert_false(keyfile_has_group(file, "a"));
	g_assert_false(keyfile_end(file, &group_error));
	g_assert_cmpstr(group_error->message, ==, "Invalid group '[b]'");
	keyfile_drop_group(file, "b");
	g_assert_true(keyfile_end(file, NULL));
}

/* A copied section whose name was not changed: whichever was meant, it was not this. */
static void test_twice(void)
{
	static const char *const texts[] = { "[a]\nk=1\nk=2\n", "[a]\nk=1\n[b]\n[a]\nk=1\n" };

	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autoptr(KeyFile) file = parse(texts[i]);
		g_autofree char *value = NULL;
		g_autoptr(GError) error = NULL;

		g_assert_true(keyfile_take_string(file, "a", "k", &value, NULL));
		g_assert_false(keyfile_end_group(file, "a", &error));
		g_assert_cmpstr(error->message, ==,
		                "Invalid key 'k' in group '[a]': it is there twice");
	}
}

static void test_strings(void)
{
	g_autoptr(KeyFile) file =
		parse("[a]\nesc=\\sx\\ty\\\\\nempty=\nbad=\\q\nopt=\nlist=a;b\\;c\n"
	              "none=\nbadlist=a\\q;\nwindows=C:\\quit\n");
	g_autofree char *windows = NULL, *esc = NULL, *empty = NULL, *bad = NULL, *opt = NULL,
			*missing = NULL;
	g_auto(GStrv) list = NULL, none = NULL, badlist = NULL;
	g_autoptr(GError) required = NULL, no_value = NULL, escape = NULL, list_escape = NULL;

	g_assert_true(keyfile_take_string(file, "a", "esc", &esc, NULL));
	g_assert_cmpstr(esc, ==, " x\ty\\");
	g_assert_false(keyfile_take_string(file, "a", "empty", &empty, &no_value));
	g_assert_cmpstr(no_value->message, ==, "Missing value for key 'empty' in group '[a]'");
	g_assert_false(keyfile_take_string(file, "a", "bad", &bad, &escape));
	g_assert_true(g_str_has_prefix(escape->message, "Invalid value '\\q' for key 'bad' in "));
	g_assert_true(keyfile_take_optional(file, "a", "opt", &opt, NULL));
	g_assert_null(opt);
	g_assert_false(keyfile_take_required(file, "a", "missing", &missing, &required));
	g_assert_cmpstr(required->message, ==, "Missing key 'missing' in group '[a]'");
	/* As with RAUC, which ignores it silently. */
	n_warnings = 0;
	g_assert_true(keyfile_take_optional(file, "a", "windows", &windows, NULL));
	g_assert_null(windows);
	g_assert_cmpuint(n_warnings, ==, 1);
	n_warnings = 0;

	g_assert_true(keyfile_take_list(file, "a", "list", &list, NULL));
	g_assert_cmpuint(g_strv_length(list), ==, 2);
	g_assert_cmpstr(list[1], ==, "b;c");
	g_assert_true(keyfile_take_list(file, "a", "none", &none, NULL));
	g_assert_cmpuint(g_strv_length(none), ==, 0);
	g_assert_false(keyfile_take_list(file, "a", "badlist", &badlist, &list_escape));
	g_assert_true(keyfile_end_group(file, "a", NULL));
}

static const struct {
	const char *text;
	bool is_valid;
	uint64_t value;
} bools[] = { { "true", true, 1 }, { "1", true, 1 }, { "false ", true, 0 }, { "0", true, 0 },
	      { "yes", false, 0 }, { "", false, 0 }, { "True", false, 0 } },
  uint64s[] = { { "0", true, 0 },
	        { "18446744073709551615", true, G_MAXUINT64 },
	        { "18446744073709551616", false, 0 },
	        { "-1", false, 0 },
	        { "1x", false, 0 },
	        { "", false, 0 } },
  ints[] = { { "2147483647", true, 2147483647 },
	     { "2147483648", false, 0 },
	     { "3 ", true, 3 },
	     { "x", false, 0 },
	     { "", false, 0 },
	     { "1.5", false, 0 } },
  sizes[] = { { "0", true, 0 },
	      { "4096", true, 4096 },
	      { "64K", true, 65536 },
	      { "64k", true, 65536 },
	      { "3M", true, 3 << 20 },
	      { "1g", true, 1 << 30 },
	      { "2T", true, G_GUINT64_CONSTANT(2) << 40 },
	      { "16777215T", true, G_GUINT64_CONSTANT(16777215) << 40 },
	      { "16777216T", false, 0 },
	      { "18446744073709551615", true, G_MAXUINT64 },
	      { "18446744073709551616", false, 0 },
	      { "18446744073709551615K", false, 0 },
	      { "-1", false, 0 },
	      { "K", false, 0 },
	      { "", false, 0 },
	      { "ten", false, 0 } };

static KeyFile *one_key(const char *value)
{
	g_autofree char *text = g_strdup_printf("[g]\nk=%s\n", value);

	return parse(text);
}

/* `took` says whether it must, and the words of a refusal name key and group. */
static void assert_took(bool took, bool expected, const GError *error)
{
	g_assert_cmpint(took, ==, expected);
	if (!took)
		g_assert_nonnull(strstr(error->message, "for key 'k' in group '[g]'"));
}

static void test_bools(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bools); i++) {
		g_autoptr(KeyFile) file = one_key(bools[i].text);
		g_autoptr(GError) error = NULL;
		bool value = false;

		bool took = keyfile_take_bool(file, "g", "k", &value, &error);
		assert_took(took, bools[i].is_valid, error);
		g_assert_cmpint(value, ==, bools[i].value);
	}
}

static void test_numbers(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(uint64s); i++) {
		g_autoptr(KeyFile) file = one_key(uint64s[i].text);
		g_autoptr(GError) error = NULL;
		uint64_t value = 0;

		bool took = keyfile_take_uint64(file, "g", "k", &value, &error);
		assert_took(took, uint64s[i].is_valid, error);
		g_assert_cmpuint(value, ==, uint64s[i].value);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(ints); i++) {
		g_autoptr(KeyFile) file = one_key(ints[i].text);
		g_autoptr(GError) error = NULL;
		int value = 0;

		bool took = keyfile_take_int(file, "g", "k", &value, &error);
		assert_took(took, ints[i].is_valid, error);
		g_assert_cmpint(value, ==, (int)ints[i].value);
	}
}

static void test_sizes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		g_autoptr(KeyFile) file = one_key(sizes[i].text);
		g_autoptr(GError) error = NULL;
		uint64_t value = 0;

		bool took = keyfile_take_size(file, "g", "k", &value, &error);
		assert_took(took, sizes[i].is_valid, error);
		g_assert_cmpuint(value, ==, sizes[i].value);
	}
	g_assert_cmpuint(n_warnings, ==, 0);

	/* What RAUC ignores is said, not refused. */
	g_autoptr(KeyFile) file = one_key("64MiB");
	uint64_t value = 0;
	g_assert_true(keyfile_take_size(file, "g", "k", &value, NULL));
	g_assert_cmpuint(value, ==, 64 << 20);
	g_assert_cmpuint(n_warnings, ==, 1);
}

static void test_override(void)
{
	g_autoptr(KeyFile) file = parse("[a]\nk=v\n");
	g_autofree char *old = NULL, *new = NULL;

	keyfile_override(file, "a", "k", "w");
	keyfile_override(file, "b", "k", "x=y;z");
	g_assert_true(keyfile_take_string(file, "a", "k", &old, NULL));
	g_assert_true(keyfile_take_string(file, "b", "k", &new, NULL));
	g_assert_cmpstr(old, ==, "w");
	g_assert_cmpstr(new, ==, "x=y;z");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_writer_func(count_warnings, NULL, NULL);
	g_test_add_func("/base/keyfile/refused", test_refused);
	g_test_add_func("/base/keyfile/huge", test_huge);
	g_test_add_func("/base/keyfile/order", test_order);
	g_test_add_func("/base/keyfile/leftovers", test_leftovers);
	g_test_add_func("/base/keyfile/twice", test_twice);
	g_test_add_func("/base/keyfile/strings", test_strings);
	g_test_add_func("/base/keyfile/bools", test_bools);
	g_test_add_func("/base/keyfile/numbers", test_numbers);
	g_test_add_func("/base/keyfile/sizes", test_sizes);
	g_test_add_func("/base/keyfile/override", test_override);
	return g_test_run();
}
