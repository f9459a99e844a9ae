/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A bundle while it is made: it gets its name when it is whole, signed, verified
 * and on the medium, and not before. Until then nothing of it can be found by its
 * name, and where the file system has files without one (O_TMPFILE) not even
 * SIGKILL leaves anything behind.
 */

#include <glib.h>
#include <stdbool.h>

#include "bundle/judge.h"

typedef struct {
	int fd;           /* for reading and writing */
	char *path;       /* opens the same file, also from another process */
	const char *name; /* borrowed: what it will be called */
	bool is_named;
} Result;

/* Who must accept what was made. */
typedef struct {
	const Keyring *keyring;   /* verifies it; NULL: nobody was given */
	const char *keyring_name; /* for messages */
	const GPtrArray *judges;  /* of const Judge; NULL: none */
	gint64 until;             /* all of them accept it then too (Unix); 0: not asked */
} ResultCheck;

/* The initial value, so that result_close() is always right. */
#define RESULT_NONE ((Result){ .fd = -1 })

/* FAILURE_CONFIG "bundle <name> already exists" where something has the name. The mode
 * of the new file is what the umask leaves of 0666. */
bool result_open(Result *result, const char *name, GError **error);
/* Open it again as a device would, verify it, and ask every judge; no keyring and no judge: a
 * message that nobody did. */
bool result_verify(const Result *result, const ResultCheck *check, GError **error);
/* Give it its name, durably; one that came meanwhile is not overwritten. */
bool result_publish(const Result *result, GError **error);
/* What was not published is gone. */
void result_close(Result *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Result, result_close)
