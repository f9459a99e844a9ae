/* SPDX-License-Identifier: MIT */

#include "test/model/load.h"

static const struct {
	const char *name, *path, *type, *description;
} expected[] = {
	{ "files", "/data/files", "files", "Files" },
	{ "trees", "/etc/rauc/trees", "trees", NULL },
	{ "cfs", "/data/cfs", "composefs", NULL },
};

static void test_repos(void)
{
	g_autoptr(Config) config = load_config("artifacts.conf");

	g_assert_cmpuint(config->repos->len, ==, G_N_ELEMENTS(expected));
	for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
		const ConfigRepo *repo = config->repos->pdata[i];

		g_assert_cmpstr(repo->name, ==, expected[i].name);
		g_assert_cmpstr(repo->path, ==, expected[i].path);
		g_assert_cmpstr(repo->type, ==, expected[i].type);
		g_assert_cmpstr(repo->description, ==, expected[i].description);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/config_repo/repos", test_repos);
	return g_test_run();
}
