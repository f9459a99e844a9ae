/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Strict reading of GKeyFile documents by taking keys out.
 *
 * Every known key is taken (read and removed); when a group is done, a key
 * left over is an error, and when the document is done, so is a group left
 * over. Values follow GLib's rules (escapes, lists with ';', booleans).
 *
 * The take functions share one contract: a missing key is success with the
 * result NULL or unchanged; use keyfile_has() or the _required form where the
 * difference matters. An empty string value is "Missing value for key '<key>'".
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct KeyFile KeyFile;

/* `data` need not be NUL-terminated. Documents that are not UTF-8 text are refused. */
KeyFile *keyfile_parse(const char *data, size_t size, GError **error);
void keyfile_free(KeyFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyFile, keyfile_free)

/* Set a raw value before taking: what `--confopt` does. */
void keyfile_override(KeyFile *file, const char *group, const char *key, const char *value);

/* Groups that are left, in file order. */
GStrv keyfile_groups(const KeyFile *file);
bool keyfile_has_group(const KeyFile *file, const char *group);
bool keyfile_has(const KeyFile *file, const char *group, const char *key);
/* Keys of a group that are left, in file order; empty for no such group. */
GStrv keyfile_keys(const KeyFile *file, const char *group);

bool keyfile_take_string(KeyFile *file, const char *group, const char *key, char **value,
                         GError **error);
/* The same, but a missing key is "Missing key '<key>' in group '[<group>]'". */
bool keyfile_take_required(KeyFile *file, const char *group, const char *key, char **value,
                           GError **error);
/* The same, but an empty value is like a missing key, and so is, with a warning, a damaged one. */
bool keyfile_take_optional(KeyFile *file, const char *group, const char *key, char **value,
                           GError **error);
bool keyfile_take_bool(KeyFile *file, const char *group, const char *key, bool *value,
                       GError **error);
bool keyfile_take_uint64(KeyFile *file, const char *group, const char *key, uint64_t *value,
                         GError **error);
bool keyfile_take_int(KeyFile *file, const char *group, const char *key, int *value,
                      GError **error);
/* Decimal with one optional letter K, M, G or T; overflow is an error. */
bool keyfile_take_size(KeyFile *file, const char *group, const char *key, uint64_t *value,
                       GError **error);
bool keyfile_take_list(KeyFile *file, const char *group, const char *key, GStrv *value,
                       GError **error);
/* Drop a key or a group without looking at it. */
void keyfile_drop(KeyFile *file, const char *group, const char *key);
void keyfile_drop_group(KeyFile *file, const char *group);

/* The group is done: a key left over is `Invalid key '<key>' in group '[<group>]'`, and so is one
 * that is there twice. */
bool keyfile_end_group(KeyFile *file, const char *group, GError **error);
/* The document is done: a group left over is `Invalid group '[<group>]'`. */
bool keyfile_end(KeyFile *file, GError **error);
