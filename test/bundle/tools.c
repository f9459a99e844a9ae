/* SPDX-License-Identifier: MIT */

#include "bundle/tools.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"

static const struct {
	const char *localstatedir, *disabled;
	bool is_root; /* for somebody who is not */
} rows[] = {
	{ NULL, NULL, false }, { NULL, "0", false }, { "/x", NULL, true },
	{ "/x", "0", true },   { "/x", "1", false }, { NULL, "1", false },
};

static void set(const char *name, const char *value)
{
	if (value)
		g_setenv(name, value, TRUE);
	else
		g_unsetenv(name);
}

static void test_is_root(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		set("PSEUDO_LOCALSTATEDIR", rows[i].localstatedir);
		set("PSEUDO_DISABLED", rows[i].disabled);
		g_assert_true(tools_is_root() == (rows[i].is_root || geteuid() == 0));
	}
	set("PSEUDO_LOCALSTATEDIR", NULL);
	set("PSEUDO_DISABLED", NULL);
}

static const struct {
	const char *script, *message;
	Failure code;
} runs[] = {
	{ "exit 0", NULL, 0 },
	{ "echo out; exit 0", NULL, 0 },
	{ "echo strange >&2; echo 'Failed to read file x, creating empty file' >&2; exit 0",
	  "sh: Failed to read file x, creating empty file", FAILURE_IO },
	{ "exit 3", "sh exited with 3", FAILURE_TOOL },
	{ "echo first >&2; echo second >&2; echo third >&2; exit 1",
	  "sh exited with 1: first; second", FAILURE_TOOL },
	{ "echo \"tar: Removing leading \\`/' from member names\" >&2; echo >&2; echo why >&2; "
	  "echo 'tar: Exiting with failure status due to previous errors' >&2; exit 2",
	  "sh exited with 2: why", FAILURE_TOOL },
	{ "echo 'tar: x: Wrote only 1 of 2 bytes' >&2; exit 2",
	  "sh exited with 2: tar: x: Wrote only 1 of 2 bytes (No space left on device)",
	  FAILURE_NO_SPACE },
	{ "echo 'write: No space left on device' >&2; exit 1",
	  "sh exited with 1: write: No space left on device", FAILURE_NO_SPACE },
	{ "kill -9 $$", "sh: Child process killed by signal 9", FAILURE_TOOL },
};

static void test_run(void)
{
	g_auto(Tools) tools = TOOLS_NONE;

	for (unsigned i = 0; i < G_N_ELEMENTS(runs); i++) {
		const char *words[] = { "sh", "-c", runs[i].script, NULL };
		g_autoptr(GError) error = NULL;
		bool ok = tools_run(&tools, (GStrv)words, &error);

		g_assert_cmpstr(error ? error->message : NULL, ==, runs[i].message);
		g_assert_true(ok == !runs[i].message);
		if (!ok)
			g_assert_error(error, FAILURE, (int)runs[i].code);
	}
	const char *missing[] = { "no-such-program", NULL };
	g_autoptr(GError) error = NULL;
	g_assert_false(tools_run(&tools, (GStrv)missing, &error));
	g_assert_error(error, FAILURE, FAILURE_TOOL);
}

/* As root nothing is needed; where owners do not count, neither. */
static void test_open(void)
{
	g_auto(Tools) without = TOOLS_NONE, with = TOOLS_NONE;
	g_autoptr(GError) error = NULL;

	g_assert_true(tools_open(&without, false, &error));
	g_assert_null(without.state);
	if (geteuid() == 0) {
		g_assert_true(tools_open(&with, true, &error));
		g_assert_null(with.state);
	}
	g_assert_no_error(error);
}

/* What fakeroot is told in one run it knows in the next. */
static void test_fakeroot(void)
{
	g_autofree char *program = g_find_program_in_path("fakeroot");
	g_autofree char *folder = g_dir_make_tmp("rauc-test-XXXXXX", NULL);
	g_autofree char *file = g_build_filename(folder, "file", NULL);
	g_autofree char *state = g_build_filename(folder, "state", NULL);
	g_autoptr(GError) error = NULL;

	if (!program) {
		g_test_skip("fakeroot is not installed");
		return;
	}
	g_assert_true(g_file_set_contents(file, "", 0, NULL));
	g_assert_true(g_file_set_contents(state, "", 0, NULL));
	g_auto(Tools) tools = { g_steal_pointer(&folder), g_steal_pointer(&state) };
	const char *change[] = { "chown", "12:34", file, NULL };
	const char *check[] = { "sh", "-c", "test \"$(stat -c %u:%g \"$0\")\" = 12:34", file,
		                NULL };
	g_assert_true(tools_run(&tools, (GStrv)change, &error));
	g_assert_no_error(error);
	g_assert_true(tools_run(&tools, (GStrv)check, &error));
	g_assert_no_error(error);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/bundle/tools/is-root", test_is_root);
	g_test_add_func("/bundle/tools/run", test_run);
	g_test_add_func("/bundle/tools/open", test_open);
	g_test_add_func("/bundle/tools/fakeroot", test_fakeroot);
	return g_test_run();
}
