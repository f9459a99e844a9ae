/* SPDX-License-Identifier: MIT */

#include "cli/door.h"

#include "base/error.h"
#include "cli/conf.h"
#include "cli/output.h"

/* These are settled when the service starts. */
static bool check_options(const Options *options, GError **error)
{
	const struct {
		const char *name, *value;
	} rows[] = {
		{ "keyring", options->keyring },
		{ "handler-args", options->handler_args },
		{ "override-boot-slot", options->override_boot_slot },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		if (rows[i].value)
			return fail(error, FAILURE_USAGE,
			            "The '--%s' argument is not supported when using the D-Bus "
			            "service. Reconfigure the service instead.",
			            rows[i].name);
	}
	return true;
}

/* A configuration that is named has to be good, also if only the service's counts. */
static bool check_conf(const Options *options, GError **error)
{
	if (!options->conf)
		return true;
	g_autoptr(Config) config = conf_load(options, CONF_REQUIRED, error);
	if (config)
		g_message("the service has a configuration of its own: %s is not used",
		          options->conf);
	return config != NULL;
}

Door door_find(const Options *options, Client **client, GError **error)
{
	g_autofree char *why_not = NULL;
	g_autoptr(GError) reason = NULL;
	g_autoptr(Client) found = client_connect(&why_not, &reason);

	if (reason) {
		g_propagate_error(error, g_steal_pointer(&reason));
		return DOOR_CLOSED;
	}
	if (!found) {
		if (why_not)
			output_complain("%s: working in this process", why_not);
		return DOOR_DIRECT;
	}
	if (!check_options(options, error) || !check_conf(options, error))
		return DOOR_CLOSED;
	*client = g_steal_pointer(&found);
	return DOOR_SERVICE;
}
