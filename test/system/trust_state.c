/* SPDX-License-Identifier: MIT */

#include "system/trust_state.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static char *folder;
static unsigned n_warnings;

static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields G_GNUC_UNUSED,
                                       gsize n_fields G_GNUC_UNUSED, gpointer user G_GNUC_UNUSED)
{
	n_warnings += level & G_LOG_LEVEL_WARNING ? 1 : 0;
	return G_LOG_WRITER_HANDLED;
}

static const TrustState state_7 = { 7, 700, TRUST_STATE_BUILD, 3 };
static const TrustState state_8 = { 8, 600, TRUST_STATE_SYNC, 1 };

static char *copy_path(unsigned n)
{
	g_autofree char *name = g_strdup_printf("trust.%u", n + 1);

	return g_build_filename(folder, name, NULL);
}

/* What one copy is: `-` not there, 7 and 8 as above, `x` garbage, `h` the first half of 8. */
static void put(unsigned n, char what)
{
	g_autofree char *path = copy_path(n);
	g_autofree char *text = trust_state_format(what == '7' ? &state_7 : &state_8);

	unlink(path);
	if (what == 'x')
		g_assert_true(g_file_set_contents(path, "\0\0\0", 3, NULL));
	else if (what != '-')
		g_assert_true(g_file_set_contents(path, text, what == 'h' ? 40 : -1, NULL));
}

static const struct {
	char copies[2];
	TrustStateKind kind;
	uint64_t sequence;
	int64_t floor;
	uint32_t epoch;
	unsigned spare, n_warnings;
	bool is_whole;
} rows[] = {
	{ "--", TRUST_STATE_NEW, 0, 0, 0, 0, 0, false },
	{ "77", TRUST_STATE_KEPT, 7, 700, 3, 1, 0, true },
	{ "7-", TRUST_STATE_KEPT, 7, 700, 3, 1, 1, false },
	{ "-7", TRUST_STATE_KEPT, 7, 700, 3, 0, 1, false },
	{ "7x", TRUST_STATE_KEPT, 7, 700, 3, 1, 1, false },
	{ "x7", TRUST_STATE_KEPT, 7, 700, 3, 0, 1, false },
	{ "7h", TRUST_STATE_KEPT, 7, 700, 3, 1, 1, false },
	{ "h7", TRUST_STATE_KEPT, 7, 700, 3, 0, 1, false },
	/* The power went between the two: the later one counts, time never goes back. */
	{ "78", TRUST_STATE_KEPT, 8, 700, 1, 0, 0, false },
	{ "87", TRUST_STATE_KEPT, 8, 700, 1, 1, 0, false },
	{ "x-", TRUST_STATE_LOST, 0, 0, 0, 0, 1, false },
	{ "-x", TRUST_STATE_LOST, 0, 0, 0, 0, 1, false },
	{ "xx", TRUST_STATE_LOST, 0, 0, 0, 0, 1, false },
	{ "hx", TRUST_STATE_LOST, 0, 0, 0, 0, 1, false },
};

static void assert_both(const TrustState *expected)
{
	g_autofree char *wanted = trust_state_format(expected);

	for (unsigned n = 0; n < 2; n++) {
		g_autofree char *path = copy_path(n), *text = NULL;

		g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
		g_assert_cmpstr(text, ==, wanted);
	}
}

static void test_copies(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;

		g_test_message("row %u", i);
		put(0, rows[i].copies[0]);
		put(1, rows[i].copies[1]);
		n_warnings = 0;
		trust_state_load(folder);
		g_assert_cmpuint(n_warnings, ==, 0);
		TrustStateFound found = trust_state_examine(folder);
		g_assert_cmpint(found.kind, ==, rows[i].kind);
		g_assert_cmpuint(found.state.sequence, ==, rows[i].sequence);
		g_assert_cmpint(found.state.time_floor, ==, rows[i].floor);
		g_assert_cmpuint(found.state.security_epoch, ==, rows[i].epoch);
		g_assert_cmpuint(found.spare, ==, rows[i].spare);
		g_assert_true(found.is_whole == rows[i].is_whole);
		g_assert_cmpuint(n_warnings, ==, rows[i].n_warnings);

		g_assert_true(trust_state_save(folder, &found, &error));
		g_assert_no_error(error);
		g_assert_cmpuint(found.state.sequence, ==, rows[i].sequence + 1);
		assert_both(&found.state);
		TrustStateFound again = trust_state_load(folder);
		g_assert_true(again.kind == TRUST_STATE_KEPT && again.is_whole);
		g_assert_cmpuint(again.state.security_epoch, ==, rows[i].epoch);
	}
}

static void test_nowhere(void)
{
	TrustStateFound found = trust_state_load(NULL);

	g_assert_cmpint(found.kind, ==, TRUST_STATE_NONE);
	g_assert_cmpuint(found.state.sequence, ==, 0);
}

/* The folder is made; what cannot be written says where. */
static void test_folder(void)
{
	g_autofree char *below = g_build_filename(folder, "new", "data", NULL);
	g_autofree char *file = copy_path(0);
	TrustStateFound found = trust_state_load(below);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(found.kind, ==, TRUST_STATE_NEW);
	g_assert_true(trust_state_save(below, &found, &error));
	g_assert_cmpint(trust_state_load(below).kind, ==, TRUST_STATE_KEPT);

	put(0, '7');
	found = trust_state_load(file);
	g_assert_false(trust_state_save(file, &found, &error));
	g_assert_true(g_str_has_prefix(error->message, "saving trust state: cannot create"));
}

/* A copy that is a folder is damaged, not the end; it is tried first, so the good one stays. */
static void test_in_the_way(void)
{
	for (unsigned n = 0; n < 2; n++) {
		g_autofree char *path = copy_path(n);
		g_autoptr(GError) error = NULL;

		put(n, '-');
		put(!n, '7');
		g_assert_cmpint(mkdir(path, 0755), ==, 0);
		TrustStateFound found = trust_state_load(folder);
		g_assert_cmpint(found.kind, ==, TRUST_STATE_KEPT);
		g_assert_cmpuint(found.state.sequence, ==, 7);
		g_assert_false(trust_state_save(folder, &found, &error));
		g_assert_cmpuint(found.state.sequence, ==, 7);
		g_assert_cmpuint(trust_state_load(folder).state.sequence, ==, 7);
		g_assert_cmpint(rmdir(path), ==, 0);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	g_log_set_writer_func(count_warnings, NULL, NULL);
	folder = g_dir_make_tmp("trust-XXXXXX", NULL);
	g_test_add_func("/system/trust_state/copies", test_copies);
	g_test_add_func("/system/trust_state/nowhere", test_nowhere);
	g_test_add_func("/system/trust_state/folder", test_folder);
	g_test_add_func("/system/trust_state/in-the-way", test_in_the_way);
	int result = g_test_run();
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	return result;
}
