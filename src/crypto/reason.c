/* SPDX-License-Identifier: MIT */

#include "crypto/reason.h"

#include <openssl/err.h>

static const char *words(unsigned long code)
{
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	return reason ? reason : "unknown reason";
}

/* The newest error says what was being done, the oldest what went wrong inside. */
char *reason_text(void)
{
	const char *last = words(ERR_peek_last_error());
	const char *first = words(ERR_peek_error());

	if (g_str_equal(first, last))
		return g_strdup(last);
	return g_strdup_printf("%s (%s)", last, first);
}

bool reason_is(int library, int reason)
{
	unsigned long code = ERR_peek_last_error();

	return ERR_GET_LIB(code) == library && ERR_GET_REASON(code) == reason;
}

bool reason_fail(GError **error, Failure why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	g_autofree char *doing = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *reason = reason_text();
	return fail(error, why, "%s: %s", doing, reason);
}

void reason_clear(char *scope G_GNUC_UNUSED)
{
	ERR_clear_error();
}
