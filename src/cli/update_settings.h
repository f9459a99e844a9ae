/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `rauc update` is told besides its options, in words that are Moonforge's: RAUC_BUNDLE_URL and
 * RAUC_FORCE_REBOOT_ON_UPDATE, of the environment, and where they are not set there, of update.env
 * beside system.conf. That file is systemd's EnvironmentFile=: NAME=VALUE, quotes, comments.
 */

#include "model/config.h"

typedef struct {
	char *url;      /* NULL: none is set */
	bool is_polled; /* it is that of [polling] */
	bool reboot;
} UpdateSettings;

/* `url`: of the command line, NULL: none. Without any address it fails and says where one can be set. */
bool update_settings_load(const Config *config, const char *url, UpdateSettings *settings,
                          GError **error);
void update_settings_clear(UpdateSettings *settings);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(UpdateSettings, update_settings_clear)

/* The value of `name` in a file of that kind, NULL without an error: it is not there. */
char *update_settings_find(const char *path, const char *name, GError **error);
