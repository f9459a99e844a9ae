/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The staging folder of `rauc bundle`: the content as it will be packed.
 *
 * A mirror of the input made of hard links (copies where links are refused),
 * so that generated files never touch what the user gave. Strays that no
 * device should get are refused by name (chapter 2.6).
 */

#include <glib.h>
#include <stdbool.h>

#define STAGE_FOLDER ".rauc-workdir"

/* Makes `<input>/.rauc-workdir` anew and returns its path. On failure nothing stays. */
char *stage_make(const char *input, GError **error);

/* Removes it and frees the path; NULL is fine. Failure to remove is a warning. */
void stage_drop(char *stage);
