/* SPDX-License-Identifier: MIT */

#include "cli/json.h"

static void test_all(void)
{
	const char *words[] = { "a", "b\"\n", "\xff", NULL };
	JsonBuilder *json = json_builder_new();
	g_autoptr(GString) text = g_string_new("> ");

	json_open_object(json, NULL);
	json_add_string(json, "null", NULL);
	json_add_set(json, "absent", NULL);
	json_add_set(json, "set", "");
	json_add_int(json, "int", G_MININT64);
	json_add_strings(json, "none", NULL);
	json_add_strings(json, "words", (GStrv)words);
	json_open_array(json, "list");
	json_open_object(json, NULL);
	json_builder_end_object(json);
	json_builder_end_array(json);
	json_builder_end_object(json);
	json_finish(json, text, false);
	g_assert_cmpstr(text->str, ==,
	                "> {\"null\":null,\"set\":\"\",\"int\":-9223372036854775808,\"none\":[],"
	                "\"words\":[\"a\",\"b\\\"\\n\",\"\xef\xbf\xbd\"],\"list\":[{}]}\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/json/all", test_all);
	return g_test_run();
}
