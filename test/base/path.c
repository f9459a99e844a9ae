/* SPDX-License-Identifier: MIT */

#include "base/path.h"

#include <string.h>
#include <unistd.h>

static const struct {
	const char *file, *value, *expected; /* expected "…": below the current folder */
} resolved[] = {
	{ "/etc/rauc/system.conf", "keyring.pem", "/etc/rauc/keyring.pem" },
	{ "/etc/rauc/system.conf", "/keyring.pem", "/keyring.pem" },
	{ "/etc/rauc/system.conf", "pkcs11:token=x", "pkcs11:token=x" },
	{ "system.conf", "images/rootfs-0", "…/./images/rootfs-0" },
	{ "conf/system.conf", "x", "…/conf/x" },
	{ NULL, "x", "…/x" },
	{ NULL, "/x", "/x" },
};

static void test_resolve(void)
{
	g_autofree char *here = g_get_current_dir();

	for (unsigned i = 0; i < G_N_ELEMENTS(resolved); i++) {
		g_autofree char *path = path_resolve(resolved[i].file, resolved[i].value);
		const char *tail = g_str_has_prefix(resolved[i].expected, "…")
		                           ? resolved[i].expected + strlen("…")
		                           : NULL;
		g_autofree char *expected =
			tail ? g_strconcat(here, tail, NULL) : g_strdup(resolved[i].expected);

		g_assert_cmpstr(path, ==, expected);
	}
}

static void test_plain_name(void)
{
	static const char *const bad[] = { "", ".", "..", "/", "a/b", "../x", "/x", "x/" };

	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++)
		g_assert_false(path_is_plain_name(bad[i]));
	g_assert_true(path_is_plain_name("rootfs.ext4"));
	g_assert_true(path_is_plain_name("..."));
}

static void test_scheme(void)
{
	g_autofree char *http = path_scheme("HTTP://x/y");
	g_autofree char *none = path_scheme("/x/y");
	g_autofree char *relative = path_scheme("x.raucb");

	g_assert_cmpstr(http, ==, "http");
	g_assert_null(none);
	g_assert_null(relative);
}

static void test_real(void)
{
	g_autofree char *self = path_real("/proc/self/..");
	g_autofree char *missing = path_real("/nonexistent/../x");

	g_assert_cmpstr(self, ==, "/proc");
	g_assert_cmpstr(missing, ==, "/nonexistent/../x");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/path/resolve", test_resolve);
	g_test_add_func("/base/path/plain-name", test_plain_name);
	g_test_add_func("/base/path/scheme", test_scheme);
	g_test_add_func("/base/path/real", test_real);
	return g_test_run();
}
