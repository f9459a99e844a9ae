/* SPDX-License-Identifier: MIT */

#include "cli/output.h"

#include "run.h"

static void test_formats(void)
{
	OutputFormat format = OUTPUT_SHELL;

	g_assert_true(output_format_by_name(NULL, &format));
	g_assert_cmpint(format, ==, OUTPUT_READABLE);
	g_assert_true(output_format_by_name("json-2", &format));
	g_assert_cmpint(format, ==, OUTPUT_JSON_2);
	g_assert_false(output_format_by_name("", &format));
	g_assert_false(output_format_by_name("JSON", &format));
}

static void test_plain_formats(void)
{
	static const char *const refused[] = { "shell", "json-2", "JSON", "" };
	OutputFormat format = OUTPUT_SHELL;

	g_assert_true(output_take_format(NULL, &format));
	g_assert_cmpint(format, ==, OUTPUT_READABLE);
	g_assert_true(output_take_format("json", &format));
	g_assert_cmpint(format, ==, OUTPUT_JSON);
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++)
		g_assert_false(output_take_format(refused[i], &format));
}

static const struct {
	const char *text, *expected;
} safe[] = {
	{ NULL, "(null)" },       { "", "" },
	{ "a\nb\tc", "a\nb\tc" }, { "\033[1m\007", "\\x1b[1m\\x07" },
	{ "\xc2\x9b", "\\x9b" },  { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
	{ "\xff", "\xff" },
};

static void test_safe(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(safe); i++) {
		g_autoptr(GString) text = g_string_new(NULL);

		output_append_safe(text, safe[i].text);
		g_assert_cmpstr(text->str, ==, safe[i].expected);
	}
}

static void test_shell(void)
{
	g_autoptr(GString) text = g_string_new(NULL);

	output_append_shell(text, "A", "it's $x");
	output_append_shell(text, "B", NULL);
	g_assert_cmpstr(text->str, ==, "A='it'\\''s $x'\nB=''\n");
}

/* What stdout did not take is not silently lost. */
static void test_lost_output(void)
{
	run_shell("if \"$RAUC\" --version > /dev/full 2> err; then exit 1; fi\n"
	          "grep -q 'Failed to write to standard output: No space left on device' err");
	run_shell("if \"$RAUC\" --version >&- 2> err; then exit 1; fi\n"
	          "grep -q 'Failed to write to standard output' err");
	run_shell("test -z \"$(\"$RAUC\" --help 2>&1 >/dev/null)\"");
}

static void test_colour_needs_a_terminal(void)
{
	OutputLook look = output_look();

	g_assert_false(look.has_colour && !output_is_terminal());
	g_assert_cmpint(output_width(), >, 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	g_test_add_func("/cli/output/formats", test_formats);
	g_test_add_func("/cli/output/plain-formats", test_plain_formats);
	g_test_add_func("/cli/output/safe", test_safe);
	g_test_add_func("/cli/output/shell", test_shell);
	g_test_add_func("/cli/output/lost-output", test_lost_output);
	g_test_add_func("/cli/output/colour", test_colour_needs_a_terminal);
	int code = g_test_run();
	run_leave();
	return code;
}
