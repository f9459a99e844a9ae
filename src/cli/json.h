/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * json-glib in the words the outputs need: members by name, in order.
 */

#include <glib.h>
#include <json-glib/json-glib.h>
#include <stdbool.h>

void json_open_object(JsonBuilder *json, const char *name); /* NULL: not a member */
void json_open_array(JsonBuilder *json, const char *name);
void json_add_string(JsonBuilder *json, const char *name, const char *value); /* NULL: null */
void json_add_set(JsonBuilder *json, const char *name, const char *value);    /* NULL: no member */
void json_add_int(JsonBuilder *json, const char *name, gint64 value);
void json_add_strings(JsonBuilder *json, const char *name, GStrv values); /* NULL: [] */

/* Append the whole document and a newline; frees `json`. */
void json_finish(JsonBuilder *json, GString *to, bool is_pretty);
