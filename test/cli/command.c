/* SPDX-License-Identifier: MIT */

/* Command lines: exit code, stdout, stderr. */

#include "cli/command.h"

#include "run.h"

#define HELP    "Usage:\n  rauc [OPTION\xe2\x80\xa6] <COMMAND>\n*List of rauc commands:\n  bundle *"
#define NOTHING ""

static const struct {
	const char *line;
	int code;
	const char *out, *err; /* patterns */
} lines[] = {
	{ "", 1, HELP, NOTHING },
	{ "--help", 0, HELP, NOTHING },
	{ "-h", 0, HELP, NOTHING },
	{ "--version", 0, "rauc 1.16 (moonforge-rauc *)\n", NOTHING },
	{ "help", 0, NOTHING, NOTHING },
	{ "frobnicate", 1, "Invalid command 'frobnicate' given\nUsage:\n  rauc *", NOTHING },
	{ "--foobar", 1, HELP, "Unknown option --foobar\n" },
	{ "--conf", 1, NOTHING, "Missing argument for --conf\n" },
	{ "info --foobar x", 1, "Usage:\n  rauc [OPTION*] info <BUNDLE>\n*",
	  "Unknown option --foobar\n" },
	{ "info --help", 0,
	  "Usage:\n  rauc [OPTION*] info <BUNDLE>\n\nPrint bundle info\n\nInfo options:\n*"
	  "Application Options:\n*",
	  NOTHING },
	{ "bundle --help", 0, "*\nBundle options:\n*", NOTHING },
	{ "extract --help", 0, "*\nExtract options:\n*", NOTHING },
	{ "install --help", 0, "*\nInstall options:\n*--override-boot-slot=BOOTNAME*", NOTHING },
	{ "status --help", 0, "*List of status commands*mark-active*\nStatus options:\n*",
	  NOTHING },
	{ "write-slot --help", 0, "*\nWrite-slot options:\n  -t, --image-type=TYPE *", NOTHING },
	{ "--output-format json info f", 1, "Invalid command 'json' given\n*", NOTHING },
	{ "install", 1, NOTHING, "A bundle path or URL must be provided\n" },
	{ "install a b", 1, NOTHING, "Excess argument: b\n" },
	{ "info", 1, NOTHING, "A bundle path or URL must be provided\n" },
	{ "info a b c", 1, NOTHING, "Excess argument: b\n" },
	{ "bundle", 1, NOTHING, "An input directory name must be provided\n" },
	{ "bundle a", 1, NOTHING, "An output bundle name must be provided\n" },
	{ "bundle a b c", 1, NOTHING, "Excess argument: c\n" },
	{ "extract", 1, NOTHING, "An input bundle must be provided\n" },
	{ "extract a", 1, NOTHING, "An output directory must be provided\n" },
	{ "extract a b c", 1, NOTHING, "Excess argument: c\n" },
	{ "resign --help", 0,
	  "*\n  rauc [OPTION*] resign <INBUNDLE> <OUTBUNDLE>\n*Resign options:\n*--append*",
	  NOTHING },
	{ "encrypt --help", 0, "*\nEncryption options:\n*--to=PEMFILE*", NOTHING },
	{ "replace-signature --help", 0, "*\nReplace signature options:\n*", NOTHING },
	{ "extract-signature --help", 0, "*\nExtract signature options:\n*--key=*", NOTHING },
	{ "convert --help", 0,
	  "*\nConvert options:\n*--to=METHOD*--ignore-image=SLOTCLASS*--casync-args=ARGS*",
	  NOTHING },
	{ "convert", 1, NOTHING, "Cert and key files must be provided\n" },
	{ "convert a b --cert=c", 1, NOTHING, "Cert and key files must be provided\n" },
	{ "convert --cert=c --key=k", 1, NOTHING, "An input bundle must be provided\n" },
	{ "convert a --cert=c --key=k", 1, NOTHING, "An output bundle name must be provided\n" },
	{ "convert a b c --cert=c --key=k", 1, NOTHING, "Excess argument: c\n" },
	{ "convert a b --cert=c --key=k", 1, NOTHING,
	  "Failed to create bundle: conversion to casync index bundles is not supported. *" },
	{ "convert a b --cert=c --key=k --casync-args=-x", 1, NOTHING,
	  "Failed to create bundle: conversion to casync index bundles is not supported. *" },
	{ "convert a b --cert=c --key=k --to=tar-extract --casync-args=-x", 1, NOTHING,
	  "Failed to create bundle: --casync-args has no meaning with --to\n" },
	{ "service --help", 0,
	  "*\nService options:\n*--handler-args=ARGS*--override-boot-slot=BOOTNAME*", NOTHING },
	{ "service x", 1, NOTHING, "Excess argument: x\n" },
};

static void test_lines(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_auto(Run) run = run_rauc("%s", lines[i].line);

		if (run.code != lines[i].code || !g_pattern_match_simple(lines[i].out, run.out) ||
		    !g_pattern_match_simple(lines[i].err, run.err))
			g_error("rauc %s: %d\nstdout: %s\nstderr: %s", lines[i].line, run.code,
			        run.out, run.err);
	}
}

static void test_marked_in_help(void)
{
	g_auto(Run) run = run_rauc("--help");

	run_assert_has(run.out, "  mount               Mount a bundle\n");
	run_assert_has(run.out, "  install             Install a bundle\n");
}

static void test_debug(void)
{
	g_auto(Run) run = run_rauc("-d --version");

	g_assert_cmpint(run.code, ==, 0);
	run_assert_has(run.err, "Debug log domains: 'rauc'");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	g_test_add_func("/cli/command/lines", test_lines);
	g_test_add_func("/cli/command/marked-in-help", test_marked_in_help);
	g_test_add_func("/cli/command/debug", test_debug);
	int code = g_test_run();
	run_leave();
	return code;
}
