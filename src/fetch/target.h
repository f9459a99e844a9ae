/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where a request goes. Who it is from (user and password) is kept apart from the URL,
 * which can be shown and passed on; it goes to no other origin than it was given for.
 */

#include <glib.h>
#include <stdbool.h>

enum { TARGET_MAX_HOPS = 8 };

typedef struct {
	char *url;                  /* without user, password and fragment */
	char *scheme, *host, *port; /* the origin: lower case, the port always there */
	char *user, *password;      /* decoded; NULL: none */
} Target;

void target_free(Target *target);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Target, target_free)

/* http and https only. */
Target *target_parse(const char *url, GError **error);
Target *target_copy(const Target *target);

/* Where a server at `from` sends us, `location` being relative or not: never from https to http. */
Target *target_follow(const Target *from, const char *location, GError **error);

bool target_same_origin(const Target *a, const Target *b);
