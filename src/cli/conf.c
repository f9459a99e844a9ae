/* SPDX-License-Identifier: MIT */

#include "cli/conf.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"

#define MAX_SIZE (1024 * 1024)

/* The first one that is there counts; they are not merged. */
static const char *const places[] = {
	"/etc/rauc/system.conf",
	"/run/rauc/system.conf",
	"/usr/lib/rauc/system.conf",
};

static const char *find(void)
{
	struct stat st;

	for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
		if (stat(places[i], &st) == 0)
			return places[i];
	}
	return NULL;
}

GPtrArray *conf_overrides(const Options *options, GError **error)
{
	GStrv texts = options->confopt;
	g_autoptr(GPtrArray) overrides =
		g_ptr_array_new_with_free_func((GDestroyNotify)config_override_free);

	for (char **text = texts; text && *text; text++) {
		ConfigOverride *override = config_override_parse(*text, error);

		if (!override)
			return NULL;
		g_ptr_array_add(overrides, override);
	}
	return g_steal_pointer(&overrides);
}

static Config *parse(const char *path, ConfMode mode, const GPtrArray *overrides, GError **error)
{
	size_t size = 0;
	g_autofree char *text = file_read(path, MAX_SIZE, &size, error);
	Config *config = NULL;

	if (text && !size && mode == CONF_AUTO)
		return config_new_default(overrides, error);
	if (text && !size)
		fail(error, FAILURE_CONFIG, "Input file is empty");
	else if (text)
		config = config_parse(text, size, path, overrides, error);
	if (!config)
		g_prefix_error(error, "Failed to load system config (%s): ", path);
	return config;
}

static Config *load(const Options *options, ConfMode mode, GError **error)
{
	g_autoptr(GPtrArray) overrides = conf_overrides(options, error);
	const char *path = options->conf;

	if (!overrides)
		return NULL;
	if (path)
		return parse(path, CONF_REQUIRED, overrides, error);
	if (mode != CONF_NONE)
		path = find();
	if (path)
		return parse(path, mode, overrides, error);
	if (mode == CONF_REQUIRED)
		return fail_null(error, FAILURE_CONFIG,
		                 "Failed to load system config (%s): %s (nor %s, nor %s)",
		                 places[0], g_strerror(ENOENT), places[1], places[2]);
	return config_new_default(overrides, error);
}

static void replace(char **field, const char *value)
{
	if (!value)
		return;
	g_free(*field);
	*field = g_strdup(value);
}

Config *conf_load(const Options *options, ConfMode mode, GError **error)
{
	Config *config = load(options, mode, error);

	if (!config) {
		g_prefix_error(error, "Failed to initialize context: ");
		return NULL;
	}
	replace(&config->keyring.path, options->keyring);
	replace(&config->mount_prefix, options->mount);
	return config;
}

Config *conf_load_decrypting(const Options *options, ConfMode mode, GError **error)
{
	Config *config = conf_load(options, mode, error);

	if (config)
		replace(&config->encryption_key, options->key);
	return config;
}

System *conf_open_system(const Options *options, GError **error)
{
	SystemOptions wanted = { .override_boot_slot = options->override_boot_slot };

	wanted.config = conf_load(options, CONF_REQUIRED, error);
	if (!wanted.config)
		return NULL;

	System *system = system_open(&wanted, error);
	if (!system)
		g_prefix_error(error, "Failed to determine slot states: ");
	return system;
}
