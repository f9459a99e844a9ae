/* SPDX-License-Identifier: MIT */

#include "doctor/doctor.h"

#include <string.h>

#include "base/path.h"
#include "doctor/doctor_families.h"

static void (*const families[])(Doctor *doctor) = {
	doctor_config, doctor_slots,     doctor_boot,    doctor_health,
	doctor_trust,  doctor_streaming, doctor_service, doctor_feature,
};

static void free_finding(void *finding)
{
	DoctorFinding *old = finding;

	g_free(old->what);
	g_free(old->where);
	g_free(old);
}

static void free_feature(void *feature)
{
	DoctorFeature *old = feature;

	g_free(old->why);
	g_free(old->enable);
	g_free(old);
}

static void add(Doctor *doctor, const DoctorKind *kind, DoctorSeverity severity, const char *where,
                char *what)
{
	DoctorFinding *finding = g_new0(DoctorFinding, 1);

	finding->kind = kind;
	finding->severity = severity;
	finding->what = what;
	finding->where = g_strdup(where ? doctor_name(doctor, where) : NULL);
	g_ptr_array_add(doctor->findings, finding);
}

void doctor_find(Doctor *doctor, const char *id, const char *where, const char *format, ...)
{
	const DoctorKind *kind = doctor_kind(id);
	va_list arguments;

	g_assert(kind);
	va_start(arguments, format);
	add(doctor, kind, kind->severity, where, g_strdup_vprintf(format, arguments));
	va_end(arguments);
}

void doctor_find_as(Doctor *doctor, DoctorSeverity severity, const char *id, const char *where,
                    const char *format, ...)
{
	const DoctorKind *kind = doctor_kind(id);
	va_list arguments;

	g_assert(kind);
	va_start(arguments, format);
	add(doctor, kind, severity, where, g_strdup_vprintf(format, arguments));
	va_end(arguments);
}

bool doctor_has_found(const Doctor *doctor, const char *id)
{
	for (unsigned i = 0; i < doctor->findings->len; i++) {
		const DoctorFinding *finding = doctor->findings->pdata[i];

		if (g_str_equal(finding->kind->id, id))
			return true;
	}
	return false;
}

/* Stable: within a severity in the order in which it was found. */
static void sort(GPtrArray *findings)
{
	for (unsigned i = 1; i < findings->len; i++) {
		for (unsigned k = i; k > 0; k--) {
			DoctorFinding *above = findings->pdata[k - 1], *here = findings->pdata[k];

			if (above->severity <= here->severity)
				break;
			findings->pdata[k - 1] = here;
			findings->pdata[k] = above;
		}
	}
}

/* A /proc that is not the device's own shows the mounts as this machine names them: those below the
 * folder are the device's. */
static char *mounts_below(const Doctor *doctor, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	g_autofree char *prefix = g_strconcat(" ", doctor->root, NULL);
	g_autoptr(GString) kept = g_string_new(NULL);

	if (!*doctor->root || !strstr(text, prefix))
		return g_strdup(text);
	for (char **line = lines; *line; line++) {
		char *at = strstr(*line, prefix);
		const char *rest = at ? at + strlen(prefix) : NULL;

		if (!rest || (*rest != '/' && *rest != ' '))
			continue;
		*at = '\0';
		g_string_append_printf(kept, "%s %s%s\n", *line, *rest == '/' ? "" : "/", rest);
	}
	return g_string_free(g_steal_pointer(&kept), FALSE);
}

/* The kernel, as the code that determines the booted slot hears it. */
static void look_at_kernel(Doctor *doctor)
{
	const char *instead = *doctor->root ? NULL : g_getenv("RAUC_TEST_CMDLINE");
	g_autofree char *cmdline = doctor_path(doctor, "/proc/cmdline");
	g_autofree char *mountinfo = doctor_path(doctor, "/proc/self/mountinfo");

	g_autofree char *mounts = doctor_slurp(mountinfo, 16 << 20, NULL, NULL);

	doctor->cmdline = instead ? g_strdup(instead) : doctor_slurp(cmdline, 1 << 20, NULL, NULL);
	doctor->is_live = doctor->cmdline != NULL;
	doctor->mountinfo = mounts_below(doctor, mounts ? mounts : "");
}

Doctor *doctor_examine(const DoctorOptions *options)
{
	Doctor *doctor = g_new0(Doctor, 1);

	doctor->options = options;
	doctor->root = path_real(options->root ? options->root : "/");
	while (g_str_has_suffix(doctor->root, "/"))
		doctor->root[strlen(doctor->root) - 1] = '\0';
	doctor->findings = g_ptr_array_new_with_free_func(free_finding);
	doctor->features = g_ptr_array_new_with_free_func(free_feature);
	look_at_kernel(doctor);
	for (unsigned i = 0; i < G_N_ELEMENTS(families); i++)
		families[i](doctor);
	sort(doctor->findings);
	doctor->options = NULL;
	return doctor;
}

void doctor_free(Doctor *doctor)
{
	if (!doctor)
		return;
	g_ptr_array_unref(doctor->findings);
	g_ptr_array_unref(doctor->features);
	boot_free(doctor->boot);
	status_file_free(doctor->status);
	config_free(doctor->config);
	g_free(doctor->conf);
	g_free(doctor->cmdline);
	g_free(doctor->mountinfo);
	g_free(doctor->root);
	g_free(doctor);
}

bool doctor_is_live(const Doctor *doctor)
{
	return doctor->is_live;
}

const GPtrArray *doctor_findings(const Doctor *doctor)
{
	return doctor->findings;
}

const GPtrArray *doctor_features(const Doctor *doctor)
{
	return doctor->features;
}

unsigned doctor_count(const Doctor *doctor, DoctorSeverity severity)
{
	unsigned n = 0;

	for (unsigned i = 0; i < doctor->findings->len; i++) {
		const DoctorFinding *finding = doctor->findings->pdata[i];

		n += finding->severity == severity;
	}
	return n;
}

const char *doctor_severity_word(DoctorSeverity severity)
{
	static const char *const words[] = {
		[DOCTOR_ERROR] = "error",
		[DOCTOR_WARNING] = "warning",
		[DOCTOR_HINT] = "hint",
	};

	return words[severity];
}

const char *doctor_ability_word(DoctorAbility ability)
{
	static const char *const words[] = {
		[DOCTOR_WORKS] = "works",
		[DOCTOR_OFF] = "off",
		[DOCTOR_UNKNOWN] = "unknown",
	};

	return words[ability];
}
