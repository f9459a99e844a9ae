/* SPDX-License-Identifier: MIT */

#include "cli/show_doctor.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "base/file.h"

#define CONF \
	"[system]\ncompatible=x\nbootloader=noop\nbundle-formats=verity\nboot\033[31mloader=y\n"

static char *folder;

static GString *show(OutputFormat format, OutputLook look)
{
	g_autofree char *conf = g_build_filename(folder, "system.conf", NULL);
	DoctorOptions options = { .root = folder, .conf = conf };
	GString *text = g_string_new(NULL);

	g_assert_true(file_replace(conf, CONF, strlen(CONF), 0644, NULL));
	g_autoptr(Doctor) doctor = doctor_examine(&options);
	show_doctor(text, doctor, format, look);
	return text;
}

/* What a file says is shown, never sent to the terminal. */
static void test_readable(void)
{
	g_autoptr(GString) plain = show(OUTPUT_READABLE, (OutputLook){ 0 });
	g_autoptr(GString) coloured = show(OUTPUT_READABLE, (OutputLook){ .has_colour = true });

	g_assert_true(g_str_has_prefix(plain->str, "error: "));
	g_assert_null(strchr(plain->str, '\033'));
	g_assert_nonnull(strstr(plain->str, "\n  where: /system.conf\n  why:   "));
	g_assert_nonnull(strstr(plain->str, "\n  do:    "));
	g_assert_nonnull(strstr(plain->str, "1 errors, 0 warnings, 0 hints; what needs"));
	g_assert_true(g_str_has_prefix(coloured->str, "\033[1;31merror: \033[0m"));
	g_assert_null(strstr(coloured->str, "\033[31m"));
}

static void test_json(void)
{
	static const OutputFormat formats[] = { OUTPUT_JSON, OUTPUT_JSON_PRETTY };

	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autoptr(GString) text = show(formats[i], (OutputLook){ 0 });
		g_autoptr(JsonNode) root = json_from_string(text->str, NULL);
		JsonObject *object = json_node_get_object(root);
		JsonArray *findings = json_object_get_array_member(object, "findings");
		JsonObject *finding = json_array_get_object_element(findings, 0);

		g_assert_cmpint(json_object_get_int_member(object, "errors"), ==, 1);
		g_assert_false(json_object_get_boolean_member(object, "is-live"));
		g_assert_cmpuint(json_array_get_length(findings), ==, 1);
		g_assert_cmpstr(json_object_get_string_member(finding, "severity"), ==, "error");
		g_assert_cmpstr(json_object_get_string_member(finding, "where"), ==,
		                "/system.conf");
		g_assert_true(json_object_has_member(object, "features"));
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_nonnull(folder = g_dir_make_tmp("show-doctor-XXXXXX", NULL));
	g_test_add_func("/show_doctor/readable", test_readable);
	g_test_add_func("/show_doctor/json", test_json);

	int result = g_test_run();
	file_remove_tree(folder, NULL);
	g_free(folder);
	return result;
}
