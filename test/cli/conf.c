/* SPDX-License-Identifier: MIT */

#include "cli/conf.h"

#include "run.h"

static Config *load(const char *line, ConfMode mode, char **message)
{
	g_auto(Options) options = { 0 };
	g_autofree char *words = g_strconcat("rauc ", line, NULL);
	g_auto(GStrv) argv = g_strsplit(words, " ", -1);
	g_autoptr(GError) error = NULL;

	g_assert_true(options_parse_global(&options, argv, NULL));
	Config *config = conf_load(&options, mode, &error);
	g_assert_true(!config == !!error);
	*message = error ? g_strdup(error->message) : NULL;
	return config;
}

#define PREFIX "Failed to initialize context: "

static const struct {
	const char *line;
	ConfMode mode;
	const char *error; /* pattern */
} refused[] = {
	{ "--conf=none.conf", CONF_NONE, PREFIX "Failed to load system config (none.conf): *" },
	{ "--conf=none.conf", CONF_AUTO, PREFIX "Failed to load system config (none.conf): *" },
	{ "--conf=empty.conf", CONF_REQUIRED,
	  PREFIX "Failed to load system config (empty.conf): Input file is empty" },
	{ "--conf=bad.conf", CONF_REQUIRED, PREFIX "Failed to load system config (bad.conf): *" },
	{ "--conf=/proc/self/mem", CONF_REQUIRED, PREFIX "Failed to load system config (*): *" },
	{ "--conf=.", CONF_REQUIRED, PREFIX "Failed to load system config (.): *" },
	{ "-C x", CONF_NONE, PREFIX "Error in parsing override: Missing '='" },
	{ "-C x=y", CONF_NONE, PREFIX "Error in parsing override: Missing ':'" },
	{ "-C nosuch:x=y", CONF_NONE, PREFIX "*Invalid group '[nosuch]'*" },
	{ "-C system:nosuch=y", CONF_NONE, PREFIX "*Invalid key 'nosuch'*" },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autofree char *message = NULL;
		g_autoptr(Config) config = load(refused[i].line, refused[i].mode, &message);

		g_assert_null(config);
		if (!g_pattern_match_simple(refused[i].error, message))
			g_error("%s: %s", refused[i].line, message);
	}
}

static void test_defaults(void)
{
	g_autofree char *message = NULL;
	g_autoptr(Config) config =
		load("--keyring k.pem --mount /m -C system:compatible=x", CONF_NONE, &message);

	g_assert_cmpstr(message, ==, NULL);
	g_assert_cmpstr(config->keyring.path, ==, "k.pem");
	g_assert_cmpstr(config->mount_prefix, ==, "/m");
	g_assert_cmpstr(config->compatible, ==, "x");
}

static void test_file(void)
{
	g_autofree char *message = NULL;
	g_autofree char *here = g_get_current_dir();
	g_autofree char *keyring = g_build_filename(here, "./ring.pem", NULL);
	g_autoptr(Config) config = load("-c good.conf", CONF_NONE, &message);

	g_assert_cmpstr(message, ==, NULL);
	g_assert_cmpstr(config->compatible, ==, "Test");
	g_assert_cmpstr(config->keyring.path, ==, keyring);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	run_enter();
	run_shell("touch empty.conf; printf 'x\\n' > bad.conf\n"
	          "printf '[system]\\ncompatible=Test\\nbootloader=noop\\n"
	          "[keyring]\\npath=ring.pem\\n' > good.conf");
	g_test_add_func("/cli/conf/refused", test_refused);
	g_test_add_func("/cli/conf/defaults", test_defaults);
	g_test_add_func("/cli/conf/file", test_file);
	int code = g_test_run();
	run_leave();
	return code;
}
