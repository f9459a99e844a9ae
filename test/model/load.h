/* SPDX-License-Identifier: MIT */
#pragma once

/* A system.conf of the good ones, or lines of one, read as a test fixture. */

#include <glib.h>
#include <string.h>

#include "model/config.h"

/* `name` below test/data/config/ok, read as if it were /etc/rauc/system.conf. */
static inline Config *load_config(const char *name)
{
	g_autofree char *path = g_build_filename("test/data/config/ok", name, NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	size_t size;

	g_assert_true(g_file_get_contents(path, &text, &size, NULL));

	Config *config = config_parse(text, size, "/etc/rauc/system.conf", NULL, &error);
	g_assert_no_error(error);
	return config;
}

/* A list as one text. */
static inline void assert_list(GStrv list, const char *expected)
{
	g_autofree char *joined = list ? g_strjoinv("|", list) : NULL;

	g_assert_cmpstr(joined, ==, expected);
}
