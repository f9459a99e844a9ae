/* SPDX-License-Identifier: MIT */

#include "system/info.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

static char *path;

static const struct {
	const char *script;
	const char *why;     /* NULL: loaded */
	const char *version; /* RAUC_SYSTEM_VERSION, may be NULL */
	unsigned n;
} rows[] = {
	{ "echo RAUC_SYSTEM_VERSION=1.2; echo other=3; echo RAUC_X=a=b >&2", NULL, "1.2", 2 },
	{ "echo RAUC_SYSTEM_VERSION=1; echo RAUC_SYSTEM_VERSION=2", NULL, "2", 2 },
	{ "echo RAUC_SYSTEM_VERSION", NULL, NULL, 0 },
	{ "echo RAUC_SYSTEM_VERSION=", NULL, "", 1 },
	{ ":", NULL, NULL, 0 },
	{ "exit 3", "exited with code 3", NULL, 0 },
	{ "sleep 30", "did not end within 1 s", NULL, 0 },
};

static void test_rows(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *script = g_strconcat("#!/bin/sh\n", rows[i].script, "\n", NULL);
		g_autoptr(GError) error = NULL;

		g_assert_true(file_replace(path, script, strlen(script), 0755, NULL));
		g_autoptr(SystemInfo) info = info_load(path, 1, &error);
		g_assert_true(!info == !!rows[i].why);
		if (!info) {
			g_assert_nonnull(strstr(error->message, rows[i].why));
			continue;
		}
		g_assert_cmpstr(info_get(info, "RAUC_SYSTEM_VERSION"), ==, rows[i].version);
		g_assert_cmpuint(g_strv_length((GStrv)info_variables(info)), ==, rows[i].n);
	}
}

static void test_none(void)
{
	g_autoptr(SystemInfo) info = info_load(NULL, 1, NULL);
	g_autoptr(GError) error = NULL;

	g_assert_null(info_get(info, "RAUC_SYSTEM_VERSION"));
	g_assert_null(info_load("/nonexistent/handler", 1, &error));
	g_assert_cmpstr(error->message, ==,
	                "System info handler script/binary '/nonexistent/handler' not found.");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	path = g_strdup_printf("%s/info-%d", g_get_tmp_dir(), getpid());
	g_test_add_func("/system/info/rows", test_rows);
	g_test_add_func("/system/info/none", test_none);
	int result = g_test_run();
	unlink(path);
	g_free(path);
	return result;
}
