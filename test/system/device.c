/* SPDX-License-Identifier: MIT */

#include "system/device.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"

#define ENV_SIZE 1024

void device_set_env(const Device *device, const char *variables)
{
	g_autoptr(GString) block = g_string_new("# GRUB Environment Block\n");

	g_string_append(block, variables);
	while (block->len < ENV_SIZE)
		g_string_append_c(block, '#');
	g_assert_true(g_file_set_contents(device->grubenv, block->str, ENV_SIZE, NULL));
}

Device *device_new(void)
{
	Device *device = g_new0(Device, 1);

	device->folder = g_dir_make_tmp("device-XXXXXX", NULL);
	device->grubenv = g_build_filename(device->folder, "grubenv", NULL);
	device->status_file = g_build_filename(device->folder, "data", "central.raucs", NULL);
	for (unsigned i = 0; i < 2; i++) {
		device->slots[i] = g_strdup_printf("%s/slot-%c", device->folder, "ab"[i]);
		g_assert_true(g_file_set_contents(device->slots[i], "old", 3, NULL));
	}
	device_set_env(device, "ORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0\n");
	g_setenv("RAUC_TEST_RUNTIME_DIRECTORY", device->folder, TRUE);
	g_setenv("RAUC_TEST_IMAGE_ROOT", device->folder, TRUE); /* nobody built it */
	g_setenv("RAUC_TEST_CLOCK_SYNCHRONISED", "no", TRUE);
	g_setenv("RAUC_TEST_CMDLINE", "quiet rauc.slot=A root=/dev/none", TRUE);
	return device;
}

void device_free(Device *device)
{
	g_assert_true(file_remove_tree(device->folder, NULL));
	g_free(device->folder);
	g_free(device->grubenv);
	g_free(device->status_file);
	g_free(device->slots[0]);
	g_free(device->slots[1]);
	g_free(device);
}

Config *device_config(const Device *device, const char *keyring, const char *extra, GError **error)
{
	g_autofree char *path = g_build_filename(device->folder, "system.conf", NULL);
	g_autofree char *text =
		g_strdup_printf("[system]\n%sbootloader=grub\ngrubenv=grubenv\n"
	                        "data-directory=data\n%s\n[keyring]\npath=%s\n"
	                        "[slot.rootfs.0]\ndevice=slot-a\nbootname=A\n"
	                        "[slot.rootfs.1]\ndevice=slot-b\nbootname=B\n",
	                        extra && strstr(extra, "compatible=") ? "" : "compatible=Test\n",
	                        extra ? extra : "", keyring ? keyring : "");

	return config_parse(text, strlen(text), path, NULL, error);
}

System *device_open(const Device *device, const char *keyring, const char *extra, GError **error)
{
	SystemOptions options = { .config = device_config(device, keyring, extra, error) };

	return options.config ? system_open(&options, error) : NULL;
}

char *device_env(const Device *device, const char *key)
{
	g_autofree char *text = NULL;
	g_autofree char *start = g_strconcat("\n", key, "=", NULL);

	g_assert_true(g_file_get_contents(device->grubenv, &text, NULL, NULL));
	const char *found = strstr(text, start);
	if (!found)
		return NULL;
	found += strlen(start);
	return g_strndup(found, strcspn(found, "\n"));
}
