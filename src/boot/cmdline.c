/* SPDX-License-Identifier: MIT */

#include "boot/cmdline.h"

#include <string.h>

#include "base/file.h"

#define SPACE " \t\r\n\v\f"

char *cmdline_read(GError **error)
{
	const char *instead = g_getenv("RAUC_TEST_CMDLINE");

	return instead ? g_strdup(instead) : file_read("/proc/cmdline", 1 << 20, NULL, error);
}

/* What follows `key`, up to the next white space; NULL if that is nothing. */
static char *value_at(const char *found, const char *key)
{
	const char *value = found + strlen(key);
	size_t length = strcspn(value, SPACE);

	return length ? g_strndup(value, length) : NULL;
}

/* The first `key` with a value; `is_word`: only where a word begins. */
static char *find_value(const char *cmdline, const char *key, bool is_word)
{
	const char *at = cmdline;

	while ((at = strstr(at, key))) {
		bool begins = at == cmdline || strchr(SPACE, at[-1]);
		char *value = begins || !is_word ? value_at(at, key) : NULL;

		if (value)
			return value;
		at++;
	}
	return NULL;
}

char *cmdline_find_slot(const char *cmdline)
{
	if (strstr(cmdline, "rauc.external") || strstr(cmdline, "root=/dev/nfs"))
		return g_strdup(CMDLINE_EXTERNAL);
	return find_value(cmdline, "rauc.slot=", false);
}

char *cmdline_find_root(const char *cmdline)
{
	static const struct {
		const char *prefix, *folder;
	} tags[] = {
		{ "PARTLABEL=", "/dev/disk/by-partlabel/" },
		{ "PARTUUID=", "/dev/disk/by-partuuid/" },
		{ "UUID=", "/dev/disk/by-uuid/" },
	};
	g_autofree char *root = find_value(cmdline, "root=", true);

	if (!root)
		root = find_value(cmdline, "systemd.verity_root_data=", true);
	for (unsigned i = 0; root && i < G_N_ELEMENTS(tags); i++) {
		if (g_str_has_prefix(root, tags[i].prefix))
			return g_strconcat(tags[i].folder, root + strlen(tags[i].prefix), NULL);
	}
	return g_steal_pointer(&root);
}

char *cmdline_find_bootchooser(const char *cmdline)
{
	char *active = find_value(cmdline, "bootstate.active=", true);

	return active ? active : find_value(cmdline, "bootchooser.active=", true);
}
