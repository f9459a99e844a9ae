/* SPDX-License-Identifier: MIT */

/* In the place of client.c in a build without the service: there is none to be asked. */

#include "base/error.h"
#include "cli/client.h"

Client *client_connect(char **why_not, GError **error G_GNUC_UNUSED)
{
	*why_not = NULL;
	return NULL;
}

int client_service_pid(void)
{
	return -1;
}

void client_free(Client *client G_GNUC_UNUSED)
{
}

GVariant *client_call(Client *client G_GNUC_UNUSED, const char *method, GVariant *parameters,
                      const char *type G_GNUC_UNUSED, GError **error)
{
	g_variant_unref(g_variant_ref_sink(parameters));
	return fail_null(error, FAILURE_UNSUPPORTED, "%s: not part of this build", method);
}

GVariant *client_properties(Client *client G_GNUC_UNUSED, GError **error)
{
	return fail_null(error, FAILURE_UNSUPPORTED, "not part of this build");
}

ClientResult client_install(Client *client G_GNUC_UNUSED, const char *bundle, GVariant *options,
                            const ClientEvents *events G_GNUC_UNUSED, GError **error)
{
	g_variant_unref(g_variant_ref_sink(options));
	fail(error, FAILURE_UNSUPPORTED, "%s: not part of this build", bundle);
	return CLIENT_REFUSED;
}
