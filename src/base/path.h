/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Names of files, as text. Nothing here looks at the disk but path_real().
 */

#include <glib.h>
#include <stdbool.h>

/*
 * The rule for paths in system.conf: absolute paths and pkcs11: URLs stay,
 * others are below the folder of `file` (made absolute with the current
 * folder), not normalised. `file` NULL: below the current folder.
 */
char *path_resolve(const char *file, const char *value);

/* One component: not empty, no '/', neither "." nor "..". */
bool path_is_plain_name(const char *name);

/* realpath(3), or a copy of `path` where that fails. */
char *path_real(const char *path);

/* "scheme:" of a URL ("http", "file", …) in lower case, or NULL for a path. */
char *path_scheme(const char *url);
