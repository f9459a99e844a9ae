/* SPDX-License-Identifier: MIT */

#include "base/log.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

static const char *field(const GLogField *fields, size_t n_fields, const char *key)
{
	for (size_t i = 0; i < n_fields; i++) {
		if (g_str_equal(fields[i].key, key))
			return fields[i].value;
	}
	return NULL;
}

static GLogWriterOutput write_line(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                   gpointer user G_GNUC_UNUSED)
{
	const char *message = field(fields, n_fields, "MESSAGE");
	const char *domain = field(fields, n_fields, "GLIB_DOMAIN");
	const char *prefix = level & G_LOG_LEVEL_ERROR      ? "fatal: "
	                     : level & G_LOG_LEVEL_CRITICAL ? "internal error: "
	                     : level & G_LOG_LEVEL_WARNING  ? "warning: "
	                     : level & G_LOG_LEVEL_DEBUG    ? "debug: "
	                                                    : "";

	if (level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO) &&
	    g_log_writer_default_would_drop(level, domain))
		return G_LOG_WRITER_HANDLED;
	if (g_log_writer_is_journald(fileno(stderr)) &&
	    g_log_writer_journald(level, fields, n_fields, NULL) == G_LOG_WRITER_HANDLED)
		return G_LOG_WRITER_HANDLED;
	fprintf(stderr, "%s%s\n", prefix, message ? message : "");
	return G_LOG_WRITER_HANDLED;
}

void log_init(bool is_debug)
{
	const char *domains = g_getenv("G_MESSAGES_DEBUG");

	if (is_debug && (!domains || !g_str_equal(domains, "all"))) {
		g_autofree char *both = domains ? g_strconcat(domains, " rauc", NULL) : NULL;

		g_setenv("G_MESSAGES_DEBUG", both ? both : "rauc", TRUE);
		g_message("Debug log domains: '%s'", both ? both : "rauc");
	}
	g_log_set_writer_func(write_line, NULL, NULL);
}
