/* SPDX-License-Identifier: MIT */

#include "system/trust.h"

#include "base/error.h"
#include "bundle/maker.h"

static void test_trust(void)
{
	g_autoptr(Maker) maker = maker_new();
	ConfigKeyring none = { 0 };
	ConfigKeyring good = { .path = maker->cert };
	ConfigKeyring missing = { .path = (char *)"/nonexistent/keyring.pem" };
	g_autoptr(GError) error = NULL, other = NULL;
	g_autoptr(Keyring) keyring = trust_load(&good, false, NULL);

	g_assert_nonnull(keyring);
	g_assert_null(trust_load(&none, false, &error));
	g_assert_cmpstr(error->message, ==, "No keyring file or directory provided");
	g_assert_null(trust_load(&missing, false, &other));
	g_assert_nonnull(g_strstr_len(other->message, -1, "/nonexistent/keyring.pem"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/trust/trust", test_trust);
	return g_test_run();
}
