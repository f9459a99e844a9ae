/* SPDX-License-Identifier: MIT */

#include "crypto/reason.h"

#include <openssl/cmserr.h>
#include <openssl/err.h>
#include <openssl/pemerr.h>

#include "pki.h"

static void fail_twice(GError **error)
{
	REASON_SCOPE;

	ERR_raise(ERR_LIB_PEM, PEM_R_NO_START_LINE);
	ERR_raise(ERR_LIB_CMS, CMS_R_VERIFICATION_FAILURE);
	g_assert_true(reason_is(ERR_LIB_CMS, CMS_R_VERIFICATION_FAILURE));
	g_assert_false(reason_is(ERR_LIB_PEM, PEM_R_NO_START_LINE));
	g_assert_false(reason_fail(error, FAILURE_FORMAT, "cannot read %s", "it"));
}

static void test_fail(void)
{
	g_autoptr(GError) error = NULL;

	fail_twice(&error);
	pki_assert_error(error, FAILURE_FORMAT,
	                 "cannot read it: verification failure (no start line)");
}

static void test_empty(void)
{
	g_autofree char *text = reason_text();

	g_assert_cmpstr(text, ==, "unknown reason");
	g_assert_false(reason_is(ERR_LIB_CMS, CMS_R_VERIFICATION_FAILURE));
}

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/reason/fail", test_fail);
	g_test_add_func("/crypto/reason/empty", test_empty);
	return pki_run();
}
