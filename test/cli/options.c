/* SPDX-License-Identifier: MIT */

#include "cli/options.h"

#include <string.h>

static const OptionsHelp info = { "info <BUNDLE>", "Print bundle info", "Info options:", NULL,
	                          options_info };

static const struct {
	const char *line;
	const char *left; /* after the first pass */
	const char *error;
} firsts[] = {
	{ "rauc", "rauc", NULL },
	{ "rauc -d info f", "rauc info f", NULL },
	{ "rauc info --conf x f", "rauc info f", NULL },
	{ "rauc info --conf=x -C a:b=c --confopt=d:e=f f", "rauc info f", NULL },
	{ "rauc --cert a --key b --keyring c --intermediate d bundle", "rauc bundle", NULL },
	{ "rauc --output-format json info f", "rauc --output-format json info f", NULL },
	{ "rauc info --foobar", "rauc info --foobar", NULL },
	{ "rauc --conf", NULL, "Missing argument for --conf" },
	{ "rauc info -c", NULL, "Missing argument for -c" },
};

static void test_first_pass(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(firsts); i++) {
		g_auto(Options) options = { 0 };
		g_auto(GStrv) argv = g_strsplit(firsts[i].line, " ", -1);
		g_autoptr(GError) error = NULL;
		bool is_ok = options_parse_global(&options, argv, &error);

		g_assert_cmpstr(error ? error->message : NULL, ==, firsts[i].error);
		g_assert_true(is_ok == !error);
		if (is_ok) {
			g_autofree char *left = g_strjoinv(" ", options.arguments);

			g_assert_cmpstr(left, ==, firsts[i].left);
			g_assert_cmpint(options.n_arguments, ==, g_strv_length(options.arguments));
		}
	}
}

static const struct {
	const char *line, *error;
} seconds[] = {
	{ "rauc info f", NULL },
	{ "rauc info --dump-cert --output-format json f", NULL },
	{ "rauc info --output-format=json -H a:b --http-header c:d f", NULL },
	{ "rauc info --foobar f", "Unknown option --foobar" },
	{ "rauc info --detailed f", "Unknown option --detailed" },
	{ "rauc info -x f", "Unknown option -x" },
	{ "rauc info f --output-format", "Missing argument for --output-format" },
};

static void test_second_pass(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(seconds); i++) {
		g_auto(Options) options = { 0 };
		g_auto(GStrv) argv = g_strsplit(seconds[i].line, " ", -1);
		g_autoptr(GError) error = NULL;

		g_assert_true(options_parse_global(&options, argv, NULL));
		bool is_ok = options_parse_verb(&options, &info, &error);
		g_assert_cmpstr(error ? error->message : NULL, ==, seconds[i].error);
		g_assert_true(is_ok == !error);
		if (is_ok)
			g_assert_cmpstr(options.arguments[2], ==, "f");
	}
}

static void test_values(void)
{
	g_auto(Options) options = { 0 };
	g_auto(GStrv) argv = g_strsplit("rauc --key k --intermediate a info --intermediate=b "
	                                "--no-verify --output-format shell -H x:y f",
	                                " ", -1);

	g_assert_true(options_parse_global(&options, argv, NULL));
	g_assert_true(options_parse_verb(&options, &info, NULL));
	g_assert_cmpstr(options.key, ==, "k");
	g_assert_cmpstr(options.output_format, ==, "shell");
	g_assert_true(options.no_verify);
	g_assert_cmpint(g_strv_length(options.intermediate), ==, 2);
	g_assert_cmpstr(options.intermediate[1], ==, "b");
	g_assert_cmpstr(options.http_header[0], ==, "x:y");
}

static void test_help(void)
{
	g_autofree char *text = options_format_help(&info);

	g_assert_true(g_regex_match_simple("^Usage:\\s+rauc \\[OPTION.\\] info <BUNDLE>\\s+"
	                                   "Print bundle info\\s+Info options:\\s+--keyring",
	                                   text, 0, 0));
	g_assert_nonnull(strstr(text, "\nApplication Options:\n  -c, --conf=FILENAME"));
	g_assert_null(strstr(text, "--cert"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_set_prgname("rauc");
	g_test_add_func("/cli/options/first-pass", test_first_pass);
	g_test_add_func("/cli/options/second-pass", test_second_pass);
	g_test_add_func("/cli/options/values", test_values);
	g_test_add_func("/cli/options/help", test_help);
	return g_test_run();
}
