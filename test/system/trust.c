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

static void test_health(void)
{
	g_autoptr(Maker) maker = maker_new(); /* its key is good for 300 days */
	ConfigKeyring none = { 0 };
	ConfigKeyring good = { .path = maker->cert, .expiry_warning_days = 180 };
	ConfigKeyring soon = { .path = maker->cert, .expiry_warning_days = 301 };
	ConfigKeyring missing = { .path = (char *)"/nonexistent/keyring.pem" };
	g_autoptr(KeyringHealth) fine = trust_health(&good), late = trust_health(&soon),
				 gone = trust_health(&missing);

	g_assert_null(trust_health(&none));
	g_assert_cmpint(fine->level, ==, KEYRING_FINE);
	g_assert_cmpint(late->level, ==, KEYRING_SOON);
	g_assert_cmpint(gone->level, ==, KEYRING_BROKEN);
	g_assert_cmpstr(((KeyringNote *)gone->notes->pdata[0])->code, ==, "unreadable");
	g_assert_nonnull(g_strstr_len(gone->action, -1, "/nonexistent/keyring.pem"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/trust/trust", test_trust);
	g_test_add_func("/system/trust/health", test_health);
	return g_test_run();
}
