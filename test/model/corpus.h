/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A folder of inputs as a table: every file is one row. A file that must be
 * refused begins with "# expect: <words>", which its message must contain.
 */

#include <glib.h>
#include <string.h>

typedef void (*CorpusCheck)(const char *path, const char *text, size_t size);

/* Calls `check` for every file that ends with `suffix`; at least one must. */
static inline void corpus_each(const char *folder, const char *suffix, CorpusCheck check)
{
	g_autoptr(GDir) dir = g_dir_open(folder, 0, NULL);
	unsigned n_files = 0;

	g_assert_nonnull(dir);
	for (const char *name; (name = g_dir_read_name(dir));) {
		g_autofree char *path = g_build_filename(folder, name, NULL);
		g_autofree char *text = NULL;
		size_t size;

		if (!g_str_has_suffix(name, suffix))
			continue;
		g_assert_true(g_file_get_contents(path, &text, &size, NULL));
		check(path, text, size);
		n_files++;
	}
	g_test_message("%s: %u files", folder, n_files);
	g_assert_cmpuint(n_files, >, 0);
}

/* The message is one line and says what the file expects. */
static inline void corpus_assert_refused(const char *path, const char *text, const GError *error)
{
	static const char mark[] = "# expect: ";

	if (!error)
		g_error("%s was not refused", path);
	g_assert_true(g_str_has_prefix(text, mark));

	g_autofree char *expected =
		g_strndup(text + strlen(mark), strcspn(text + strlen(mark), "\n"));
	if (!strstr(error->message, expected))
		g_error("%s: '%s' is not in '%s'", path, expected, error->message);
	g_assert_null(strchr(error->message, '\n'));
}
