/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * How a function says no.
 *
 * A function that can fail takes `GError **error` last and returns false or
 * NULL. The words are written once, where it went wrong; callers pass `error`
 * straight down. Where a reader would miss what was being attempted, the
 * caller opens its body with ERROR_WHILE().
 */

#include <glib.h>
#include <stdbool.h>

/* What a caller may act on; everything else is in the message. */
typedef enum {
	FAILURE_IO,         /* the machine refused: errno is in the message */
	FAILURE_FORMAT,     /* bytes are not what the format says */
	FAILURE_SIGNATURE,  /* unsigned, or not by a key the keyring trusts */
	FAILURE_INTEGRITY,  /* a digest does not match */
	FAILURE_CONFIG,     /* system.conf or manifest asks for the impossible */
	FAILURE_REJECTED,   /* policy said no: install-check, manifest hash, no slot for an image */
	FAILURE_COMPATIBLE, /* the bundle is for another kind of device */
	FAILURE_VERSION,    /* the bundle is older than this device takes */
	FAILURE_TOO_LARGE,  /* the image does not fit its slot */
	FAILURE_UNSAFE,     /* others could change the bundle while it is used */
	FAILURE_NO_SPACE,   /* a file system is full */
	FAILURE_NOT_FOUND,  /* a file, slot or variable is not there */
	FAILURE_UNSUPPORTED, /* known, but not built in or not allowed here */
	FAILURE_TOOL,        /* a program we ran failed */
	FAILURE_BUSY,        /* somebody else is using it; trying again can help */
	FAILURE_USAGE,       /* called wrongly: the command line */
	FAILURE_SERVICE,     /* the update service did not come, did not answer or went away */
	FAILURE_NETWORK,   /* a server cannot be reached, or does not give what it was asked for */
	FAILURE_CANCELLED, /* somebody wanted it to end */
} Failure;

#define FAILURE failure_quark()
GQuark failure_quark(void);

/* Set `error` and return false: `return fail(error, FAILURE_FORMAT, "...")`. The message becomes
 * one line of valid UTF-8, cut where it is endless, whatever is quoted in it. */
bool fail(GError **error, Failure why, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* The same for a failed system call: appends the text of errno. */
bool fail_errno(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* For functions that return a pointer. */
#define fail_null(...)       (fail(__VA_ARGS__) ? NULL : NULL)
#define fail_errno_null(...) (fail_errno(__VA_ARGS__) ? NULL : NULL)

/* The stable name of a code ("signature"), whether the same call may succeed
 * later, and what the operator can do. All total: never NULL. */
const char *failure_name(Failure why);
bool failure_can_retry(Failure why);
const char *failure_hint(Failure why);

/* The three of an error of any domain; of another's it is "unknown", without a hint. */
typedef struct {
	const char *name, *hint; /* never NULL */
	bool can_retry;
} FailureFacts;

FailureFacts failure_facts(const GError *error);
/* The code of this name; `why` is written last, false for a name that is none. */
bool failure_by_name(const char *name, Failure *why);

/* Prefix any error that leaves this scope: `ERROR_WHILE(error, "reading U-Boot env")`. */
#define ERROR_WHILE(error, doing)                         \
	__attribute__((cleanup(error_while_end), unused)) \
	ErrorWhile error_while_ = { (error), (doing) }

typedef struct {
	GError **error;
	const char *doing;
} ErrorWhile;

void error_while_end(ErrorWhile *scope);
