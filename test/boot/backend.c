/* SPDX-License-Identifier: MIT */

/*
 * The real backend for the truth tables: backend SYSTEM.CONF WORD...
 * Words: good=A bad=A active=A primary state=A, done one after another.
 */

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "boot/boot.h"
#include "model/config.h"

static bool perform(Boot *boot, const char *what, const Slot *slot, GError **error)
{
	bool good;

	if (g_str_has_prefix(what, "good="))
		return boot_set_state(boot, slot, true, error);
	if (g_str_has_prefix(what, "bad="))
		return boot_set_state(boot, slot, false, error);
	if (g_str_has_prefix(what, "active="))
		return boot_set_primary(boot, slot, error);
	if (!boot_get_state(boot, slot, &good, error))
		return false;
	printf("%s %s\n", slot->boot_name, good ? "good" : "bad");
	return true;
}

static bool perform_word(Boot *boot, const char *word, GError **error)
{
	const char *name = strchr(word, '=');
	const Slot *slot = name ? boot_find(boot, name + 1) : boot_get_primary(boot, error);

	if (!slot)
		return name ? fail(error, FAILURE_USAGE, "no slot for '%s'", word) : false;
	if (name)
		return perform(boot, word, slot, error);
	printf("primary %s\n", slot->boot_name);
	return true;
}

int main(int argc, char **argv)
{
	g_autoptr(GError) error = NULL;
	size_t size;
	g_autofree char *text = argc > 1 ? file_read(argv[1], 1 << 20, &size, &error) : NULL;
	g_autoptr(Config) config = text ? config_parse(text, size, argv[1], NULL, &error) : NULL;
	g_autoptr(Boot) boot = config ? boot_open(config, &error) : NULL;
	bool ok = boot != NULL;

	for (int i = 2; ok && i < argc; i++)
		ok = perform_word(boot, argv[i], &error);
	if (!ok)
		fprintf(stderr, "%s\n",
		        error ? error->message : "usage: backend SYSTEM.CONF WORD...");
	return ok ? 0 : 1;
}
