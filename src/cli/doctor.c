/* SPDX-License-Identifier: MIT */

/* rauc doctor: is this device (or a root file system) one that can be updated? */

#include "doctor/doctor.h"

#include "base/error.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"
#include "cli/show_doctor.h"

/* A service is looked at, never started. */
static void ask_bus(DoctorOptions *wanted)
{
	int pid = wanted->root ? -1 : client_service_pid();

	wanted->bus = pid < 0 ? DOCTOR_BUS_UNASKED : pid ? DOCTOR_BUS_SERVED : DOCTOR_BUS_ABSENT;
	wanted->service_pid = pid;
}

static bool check_options(const Options *options, OutputFormat *format, GError **error)
{
	if (!output_format_by_name(options->output_format, format) || *format == OUTPUT_JSON_2 ||
	    *format == OUTPUT_SHELL)
		return fail(error, FAILURE_USAGE, "Unknown output format: '%s'",
		            options->output_format);
	return !options->root || g_file_test(options->root, G_FILE_TEST_IS_DIR) ||
	       fail(error, FAILURE_NOT_FOUND, "--root: '%s' is not a folder", options->root);
}

int command_doctor(const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) text = g_string_new(NULL);
	DoctorOptions wanted = { .root = options->root,
		                 .conf = options->conf,
		                 .keyring = options->keyring,
		                 .override_boot_slot = options->override_boot_slot };
	OutputFormat format = OUTPUT_READABLE;
	g_autoptr(GPtrArray) overrides = NULL;

	if (!check_options(options, &format, &error) ||
	    !(overrides = conf_overrides(options, &error))) {
		output_complain("%s", error->message);
		return 1;
	}
	wanted.overrides = overrides;
	ask_bus(&wanted);

	g_autoptr(Doctor) doctor = doctor_examine(&wanted);
	show_doctor(text, doctor, format, output_look());
	output_result(format, text);
	return doctor_count(doctor, DOCTOR_ERROR) ? 1 : 0;
}
