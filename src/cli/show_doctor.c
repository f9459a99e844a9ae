/* SPDX-License-Identifier: MIT */

#include "cli/show_doctor.h"

#include "cli/json.h"

#define STYLE_BOLD "1"
#define STYLE_NONE "0"

static void add_line(GString *to, const char *label, const char *text)
{
	if (!text)
		return;
	g_string_append_printf(to, "  %-7s", label);
	output_append_safe(to, text);
	g_string_append_c(to, '\n');
}

static void show_finding(GString *to, const DoctorFinding *finding, OutputLook look)
{
	static const char *const colours[] = {
		[DOCTOR_ERROR] = "1;31",
		[DOCTOR_WARNING] = "1;33",
		[DOCTOR_HINT] = STYLE_BOLD,
	};

	output_append_style(to, look, colours[finding->severity]);
	g_string_append_printf(to, "%s: ", doctor_severity_word(finding->severity));
	output_append_style(to, look, STYLE_NONE);
	output_append_safe(to, finding->what);
	g_string_append_printf(to, " [%s]\n", finding->kind->id);
	add_line(to, "where:", finding->where);
	add_line(to, "why:", finding->kind->why);
	add_line(to, "do:", finding->kind->fix);
	g_string_append_c(to, '\n');
}

static void show_feature(GString *to, const DoctorFeature *feature)
{
	g_string_append_printf(to, "%-16s%-9s", feature->name,
	                       doctor_ability_word(feature->ability));
	output_append_safe(to, feature->why);
	if (feature->enable) {
		g_string_append(to, "; to enable it: ");
		output_append_safe(to, feature->enable);
	}
	g_string_append_c(to, '\n');
}

static void show_readable(GString *to, const Doctor *doctor, OutputLook look)
{
	const GPtrArray *findings = doctor_findings(doctor), *features = doctor_features(doctor);

	for (unsigned i = 0; i < findings->len; i++)
		show_finding(to, findings->pdata[i], look);
	if (features->len)
		g_string_append(to, "=== Features ===\n");
	for (unsigned i = 0; i < features->len; i++)
		show_feature(to, features->pdata[i]);
	g_string_append_printf(to, "%s%u errors, %u warnings, %u hints%s\n",
	                       features->len ? "\n" : "", doctor_count(doctor, DOCTOR_ERROR),
	                       doctor_count(doctor, DOCTOR_WARNING),
	                       doctor_count(doctor, DOCTOR_HINT),
	                       doctor_is_live(doctor)
	                               ? ""
	                               : "; what needs a running device was left out");
}

static void add_findings(JsonBuilder *json, const GPtrArray *findings)
{
	json_open_array(json, "findings");
	for (unsigned i = 0; i < findings->len; i++) {
		const DoctorFinding *finding = findings->pdata[i];

		json_open_object(json, NULL);
		json_add_string(json, "id", finding->kind->id);
		json_add_string(json, "severity", doctor_severity_word(finding->severity));
		json_add_string(json, "what", finding->what);
		json_add_string(json, "where", finding->where);
		json_add_string(json, "why", finding->kind->why);
		json_add_string(json, "fix", finding->kind->fix);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
}

static void add_features(JsonBuilder *json, const GPtrArray *features)
{
	json_open_array(json, "features");
	for (unsigned i = 0; i < features->len; i++) {
		const DoctorFeature *feature = features->pdata[i];

		json_open_object(json, NULL);
		json_add_string(json, "name", feature->name);
		json_add_string(json, "ability", doctor_ability_word(feature->ability));
		json_add_string(json, "why", feature->why);
		json_add_string(json, "enable", feature->enable);
		json_builder_end_object(json);
	}
	json_builder_end_array(json);
}

static void show_json(GString *to, const Doctor *doctor, bool is_pretty)
{
	JsonBuilder *json = json_builder_new();

	json_open_object(json, NULL);
	json_builder_set_member_name(json, "is-live");
	json_builder_add_boolean_value(json, doctor_is_live(doctor));
	json_add_int(json, "errors", doctor_count(doctor, DOCTOR_ERROR));
	json_add_int(json, "warnings", doctor_count(doctor, DOCTOR_WARNING));
	json_add_int(json, "hints", doctor_count(doctor, DOCTOR_HINT));
	add_findings(json, doctor_findings(doctor));
	add_features(json, doctor_features(doctor));
	json_builder_end_object(json);
	json_finish(json, to, is_pretty);
}

void show_doctor(GString *to, const Doctor *doctor, OutputFormat format, OutputLook look)
{
	if (format == OUTPUT_READABLE)
		show_readable(to, doctor, look);
	else
		show_json(to, doctor, format == OUTPUT_JSON_PRETTY);
}
