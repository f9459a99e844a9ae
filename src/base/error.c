/* SPDX-License-Identifier: MIT */

#include "base/error.h"

#include <errno.h>
#include <string.h>

enum { MESSAGE_SIZE = 1024 };

G_DEFINE_QUARK(failure, failure)

static const struct {
	const char *name;
	bool can_retry;
	const char *hint;
} failures[] = {
	[FAILURE_IO] = { "io", true, "check the device, its free space and its permissions" },
	[FAILURE_FORMAT] = { "format", false,
	                     "the file is damaged or of another kind: get it again" },
	[FAILURE_SIGNATURE] = { "signature", false, "sign it with a key that the keyring trusts" },
	[FAILURE_INTEGRITY] = { "integrity", true, "the data or the medium is damaged: try again" },
	[FAILURE_CONFIG] = { "config", false, "correct the configuration" },
	[FAILURE_REJECTED] = { "rejected", false, "this bundle is not for this device" },
	[FAILURE_COMPATIBLE] = { "compatible", false, "take the bundle for this kind of device" },
	[FAILURE_VERSION] = { "version", false, "take a newer bundle" },
	[FAILURE_TOO_LARGE] = { "too-large", false, "make the image smaller, or the slot larger" },
	[FAILURE_UNSAFE] = { "unsafe", false,
	                     "copy the bundle to where only root can write, and install that" },
	[FAILURE_NO_SPACE] = { "no-space", false, "make room on that file system" },
	[FAILURE_NOT_FOUND] = { "not-found", false, "check the name" },
	[FAILURE_UNSUPPORTED] = { "unsupported", false, "not available in this build" },
	[FAILURE_TOOL] = { "tool", true, "see what the program said" },
	[FAILURE_BUSY] = { "busy", true, "wait until the other user is done" },
	[FAILURE_USAGE] = { "usage", false, "see --help" },
	[FAILURE_SERVICE] = { "service", true, "see what the service says: journalctl -u rauc" },
	[FAILURE_NETWORK] = { "network", true,
	                      "check the URL, its credentials and the way to the server" },
	[FAILURE_CANCELLED] = { "cancelled", true, "install the bundle again when it suits" },
};

/* Messages repeat what came from outside; they stay one line of UTF-8 of bearable length. */
static char *tidy(const char *words)
{
	g_autofree char *head = strlen(words) > MESSAGE_SIZE
	                                ? g_strdup_printf("%.*s...", MESSAGE_SIZE, words)
	                                : g_strdup(words);
	char *valid = g_utf8_make_valid(head, -1);

	for (char *at = valid; *at; at++) {
		if (g_ascii_iscntrl(*at))
			*at = ' ';
	}
	return valid;
}

static void set(GError **error, Failure why, const char *format, va_list args)
{
	if (!error)
		return;
	g_assert(!*error);

	g_autofree char *words = g_strdup_vprintf(format, args);
	g_autofree char *line = tidy(words);
	*error = g_error_new_literal(FAILURE, (int)why, line);
}

bool fail(GError **error, Failure why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	set(error, why, format, args);
	va_end(args);
	return false;
}

bool fail_errno(GError **error, const char *format, ...)
{
	int number = errno;
	const char *reason = g_strerror(number);
	Failure why = number == EBUSY || number == ETXTBSY   ? FAILURE_BUSY
	              : number == ENOENT                     ? FAILURE_NOT_FOUND
	              : number == ENOSPC || number == EDQUOT ? FAILURE_NO_SPACE
	                                                     : FAILURE_IO;
	va_list args;

	va_start(args, format);
	set(error, why, format, args);
	va_end(args);
	if (error) {
		g_autofree char *words = g_steal_pointer(&(*error)->message);

		(*error)->message = g_strdup_printf("%s: %s", words, reason);
	}
	return false;
}

const char *failure_name(Failure why)
{
	return (unsigned)why < G_N_ELEMENTS(failures) ? failures[why].name : "unknown";
}

bool failure_can_retry(Failure why)
{
	return (unsigned)why < G_N_ELEMENTS(failures) && failures[why].can_retry;
}

const char *failure_hint(Failure why)
{
	return (unsigned)why < G_N_ELEMENTS(failures) ? failures[why].hint : "";
}

FailureFacts failure_facts(const GError *error)
{
	if (error->domain != FAILURE)
		return (FailureFacts){ "unknown", "", false };
	return (FailureFacts){ failure_name(error->code), failure_hint(error->code),
		               failure_can_retry(error->code) };
}

bool failure_by_name(const char *name, Failure *why)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(failures); i++) {
		if (g_str_equal(failures[i].name, name)) {
			*why = (Failure)i;
			return true;
		}
	}
	return false;
}

void error_while_end(ErrorWhile *scope)
{
	if (!scope->error || !*scope->error)
		return;
	g_prefix_error(scope->error, "%s: ", scope->doing);

	g_autofree char *words = (*scope->error)->message;
	(*scope->error)->message = tidy(words);
}
