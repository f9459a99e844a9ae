/* SPDX-License-Identifier: MIT */

/* A system.conf: what is accepted can be written and read again. */

#include "fuzz.h"

#include <glib.h>
#include <string.h>

#include "model/config.h"

static GLogWriterOutput keep_quiet(GLogLevelFlags level G_GNUC_UNUSED,
                                   const GLogField *fields G_GNUC_UNUSED, gsize n G_GNUC_UNUSED,
                                   gpointer user G_GNUC_UNUSED)
{
	return G_LOG_WRITER_HANDLED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char path[] = "/etc/rauc/system.conf";
	static gsize is_quiet;
	g_autoptr(GError) error = NULL;

	if (g_once_init_enter(&is_quiet)) {
		g_log_set_writer_func(keep_quiet, NULL, NULL);
		g_once_init_leave(&is_quiet, 1);
	}

	g_autoptr(Config) config = config_parse((const char *)data, size, path, NULL, &error);
	g_assert_true(!config == !!error);
	if (!config) {
		g_assert_true(g_utf8_validate(error->message, -1, NULL));
		g_assert_null(strchr(error->message, '\n'));
		return 0;
	}

	g_autofree char *once = config_format(config);
	g_autoptr(Config) again = config_parse(once, strlen(once), path, NULL, &error);
	g_assert_no_error(error);
	g_autofree char *twice = config_format(again);
	g_assert_cmpstr(once, ==, twice);
	return 0;
}
