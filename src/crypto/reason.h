/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Why OpenSSL said no. For this folder only.
 *
 * OpenSSL keeps a queue of errors for each thread. Whoever calls it opens with
 * REASON_SCOPE, so that the queue is empty again however the function is left.
 */

#include <glib.h>
#include <stdbool.h>

#include "base/error.h"

#define REASON_SCOPE __attribute__((cleanup(reason_clear), unused)) char reason_scope_ = 0

/* Set `error` to the words and, behind a colon, OpenSSL's reason; returns false. */
bool reason_fail(GError **error, Failure why, const char *format, ...) G_GNUC_PRINTF(3, 4);
#define reason_fail_null(...) (reason_fail(__VA_ARGS__) ? NULL : NULL)

/* The first and the last reason in the queue, "<last> (<first>)"; never NULL. */
char *reason_text(void);

/* Is the newest error this one? */
bool reason_is(int library, int reason);

void reason_clear(char *scope);
