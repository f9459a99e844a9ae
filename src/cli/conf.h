/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Finding system.conf, and what the command line changes in it (chapter 3.1).
 */

#include "cli/options.h"
#include "model/config.h"
#include "system/system.h"

typedef enum {
	CONF_NONE,     /* defaults, unless --conf is given */
	CONF_AUTO,     /* the file if there is one and it is not empty, else defaults */
	CONF_REQUIRED, /* no file is an error */
} ConfMode;

/* What --confopt says: of ConfigOverride. */
GPtrArray *conf_overrides(const Options *options, GError **error);

/* Messages begin with "Failed to initialize context: ". */
Config *conf_load(const Options *options, ConfMode mode, GError **error);

/* The same, with --key as the key that decrypts. */
Config *conf_load_decrypting(const Options *options, ConfMode mode, GError **error);

/* This device, for verbs that work on it. */
System *conf_open_system(const Options *options, GError **error);
