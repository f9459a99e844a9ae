/* SPDX-License-Identifier: MIT */

#include "cli/json.h"

void json_open_object(JsonBuilder *json, const char *name)
{
	if (name)
		json_builder_set_member_name(json, name);
	json_builder_begin_object(json);
}

void json_open_array(JsonBuilder *json, const char *name)
{
	if (name)
		json_builder_set_member_name(json, name);
	json_builder_begin_array(json);
}

/* Names of files may be anything; JSON is UTF-8. */
static void add_text(JsonBuilder *json, const char *value)
{
	g_autofree char *valid = g_utf8_make_valid(value, -1);

	json_builder_add_string_value(json, valid);
}

void json_add_string(JsonBuilder *json, const char *name, const char *value)
{
	json_builder_set_member_name(json, name);
	if (value)
		add_text(json, value);
	else
		json_builder_add_null_value(json);
}

void json_add_set(JsonBuilder *json, const char *name, const char *value)
{
	if (value)
		json_add_string(json, name, value);
}

void json_add_int(JsonBuilder *json, const char *name, gint64 value)
{
	json_builder_set_member_name(json, name);
	json_builder_add_int_value(json, value);
}

void json_add_strings(JsonBuilder *json, const char *name, GStrv values)
{
	json_open_array(json, name);
	for (char **value = values; value && *value; value++)
		add_text(json, *value);
	json_builder_end_array(json);
}

void json_finish(JsonBuilder *json, GString *to, bool is_pretty)
{
	g_autoptr(JsonNode) root = json_builder_get_root(json);
	g_autofree char *text = json_to_string(root, is_pretty);

	g_string_append(to, text);
	g_string_append_c(to, '\n');
	g_object_unref(json);
}
