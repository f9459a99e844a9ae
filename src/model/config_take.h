/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Private to the configuration: one function a section family takes its groups
 * out of the key file. Values that relate keys of several sections are checked
 * by the later one, in the order in which they stand here.
 */

#include "base/keyfile.h"
#include "model/config.h"

bool config_take_system(Config *config, KeyFile *file, GError **error);
/* [keyring] [casync] [streaming] [encryption] [autoinstall] [handlers] */
bool config_take_keyring(Config *config, KeyFile *file, GError **error);
bool config_take_casync(Config *config, KeyFile *file, GError **error);
bool config_take_streaming(Config *config, KeyFile *file, GError **error);
bool config_take_polling(Config *config, KeyFile *file, GError **error);
bool config_take_encryption(Config *config, KeyFile *file, GError **error);
bool config_take_autoinstall(Config *config, KeyFile *file, GError **error);
bool config_take_handlers(Config *config, KeyFile *file, GError **error);
/* [update], which is ours */
bool config_take_update(Config *config, KeyFile *file, GError **error);
/* [log.<name>] */
bool config_take_logs(Config *config, KeyFile *file, GError **error);
/* [slot.<class>.<index>], with their parents and boot names */
bool config_take_slots(Config *config, KeyFile *file, GError **error);
/* [artifacts.<repo>] */
bool config_take_repos(Config *config, KeyFile *file, GError **error);

/* A path, resolved against the folder of the configuration. `value` stays NULL for a missing key;
 * an empty value is an error, or with the second form like a missing key. */
bool config_take_path(const Config *config, KeyFile *file, const char *group, const char *key,
                      char **value, GError **error);
bool config_take_optional_path(const Config *config, KeyFile *file, const char *group,
                               const char *key, char **value, GError **error);
/* Words as a shell would split them; an empty value is like a missing key. */
bool config_take_words(KeyFile *file, const char *group, const char *key, GStrv *words,
                       GError **error);
/* The first of `items` that `known` (ending in NULL) does not contain, or NULL. */
const char *config_take_unknown(GStrv items, const char *const *known);
