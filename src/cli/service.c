/* SPDX-License-Identifier: MIT */

/* rauc service: handed on to the other door, which main() knows. */

#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"

int command_service(const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(System) system = conf_open_system(options, &error);

	if (!system) {
		output_complain("%s", error->message);
		return 1;
	}
	return options->serve(system, options->handler_args);
}
