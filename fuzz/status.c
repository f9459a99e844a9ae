/* SPDX-License-Identifier: MIT */

/* A status file: damaged values are nothing, and what is written reads the same. */

#include "fuzz.h"

#include <glib.h>
#include <string.h>

#include "model/status.h"

static GLogWriterOutput keep_quiet(GLogLevelFlags level G_GNUC_UNUSED,
                                   const GLogField *fields G_GNUC_UNUSED, gsize n G_GNUC_UNUSED,
                                   gpointer user G_GNUC_UNUSED)
{
	return G_LOG_WRITER_HANDLED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static gsize is_quiet;

	if (g_once_init_enter(&is_quiet)) {
		g_log_set_writer_func(keep_quiet, NULL, NULL);
		g_once_init_leave(&is_quiet, 1);
	}

	g_autoptr(StatusFile) file = status_file_parse((const char *)data, size, NULL);
	if (!file)
		return 0;

	g_autofree char *boot_id G_GNUC_UNUSED = status_file_get_boot_id(file);
	g_autoptr(SlotStatus) status = status_file_get(file, "slot");
	status_file_set(file, "slot", status);
	g_autofree char *text = status_file_format(file);
	g_autoptr(StatusFile) again = status_file_parse(text, strlen(text), NULL);
	g_assert_nonnull(again);
	g_autoptr(SlotStatus) same = status_file_get(again, "slot");
	g_assert_cmpstr(same->installed_timestamp, ==, status->installed_timestamp);
	g_assert_cmpstr(same->bundle_description, ==, status->bundle_description);
	g_assert_cmpuint(same->installed_count, ==, status->installed_count);
	return 0;
}
