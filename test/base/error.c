/* SPDX-License-Identifier: MIT */

#include "base/error.h"

#include <errno.h>
#include <string.h>

static void test_fail(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(fail(&error, FAILURE_FORMAT, "byte %d is wrong", 7));
	g_assert_error(error, FAILURE, FAILURE_FORMAT);
	g_assert_cmpstr(error->message, ==, "byte 7 is wrong");
	g_assert_false(fail(NULL, FAILURE_FORMAT, "nobody listens"));
	g_assert_null(fail_null(NULL, FAILURE_FORMAT, "nobody listens"));
}

/* Whatever foreign text is quoted: one line, valid, not endless. */
static void test_tidy(void)
{
	g_autofree char *long_text = g_strnfill(1 << 20, 'x');
	g_autoptr(GError) error = NULL, endless = NULL;

	g_assert_false(fail(&error, FAILURE_FORMAT, "no key '%s'", "a\nb\xff\tü\033[1m"));
	g_assert_cmpstr(error->message, ==, "no key 'a b\xef\xbf\xbd ü [1m'");
	g_assert_false(fail(&endless, FAILURE_FORMAT, "no key '%s'", long_text));
	g_assert_cmpuint(strlen(endless->message), <, 1100);
	g_assert_true(g_str_has_suffix(endless->message, "x..."));
}

static const struct {
	int number;
	Failure why;
} numbers[] = {
	{ EIO, FAILURE_IO },          { ENOSPC, FAILURE_NO_SPACE },  { EBUSY, FAILURE_BUSY },
	{ ETXTBSY, FAILURE_BUSY },    { ENOENT, FAILURE_NOT_FOUND }, { EACCES, FAILURE_IO },
	{ EDQUOT, FAILURE_NO_SPACE },
};

static void test_errno(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *expected =
			g_strconcat("cannot open x: ", g_strerror(numbers[i].number), NULL);

		errno = numbers[i].number;
		g_assert_false(fail_errno(&error, "cannot open %s", "x"));
		g_assert_error(error, FAILURE, (int)numbers[i].why);
		g_assert_cmpstr(error->message, ==, expected);
	}
}

static bool reads_status(GError **error)
{
	ERROR_WHILE(error, "reading status");
	return fail(error, FAILURE_IO, "no");
}

static void test_while(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(reads_status(&error));
	g_assert_cmpstr(error->message, ==, "reading status: no");
	g_assert_false(reads_status(NULL));
}

static void test_codes(void)
{
	for (Failure why = FAILURE_IO; why <= FAILURE_CANCELLED; why++) {
		g_assert_nonnull(failure_name(why));
		g_assert_cmpstr(failure_name(why), !=, "unknown");
		g_assert_nonnull(failure_hint(why));
	}
	g_assert_cmpstr(failure_name((Failure)99), ==, "unknown");
	g_assert_true(failure_can_retry(FAILURE_BUSY));
	g_assert_false(failure_can_retry(FAILURE_SIGNATURE));
}

static void test_facts(void)
{
	g_autoptr(GError) ours = NULL,
			  foreign = g_error_new_literal(G_FILE_ERROR, FAILURE_BUSY, "x");

	fail(&ours, FAILURE_BUSY, "in use");
	FailureFacts facts = failure_facts(ours);
	g_assert_cmpstr(facts.name, ==, "busy");
	g_assert_cmpstr(facts.hint, ==, failure_hint(FAILURE_BUSY));
	g_assert_true(facts.can_retry);
	facts = failure_facts(foreign);
	g_assert_cmpstr(facts.name, ==, "unknown");
	g_assert_cmpstr(facts.hint, ==, "");
	g_assert_false(facts.can_retry);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/error/fail", test_fail);
	g_test_add_func("/base/error/tidy", test_tidy);
	g_test_add_func("/base/error/errno", test_errno);
	g_test_add_func("/base/error/while", test_while);
	g_test_add_func("/base/error/codes", test_codes);
	g_test_add_func("/base/error/facts", test_facts);
	return g_test_run();
}
