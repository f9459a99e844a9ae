/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A device for the tests of boot/: slots A and B with boot names around one
 * without, a folder of its own, and the messages and warnings that were said.
 */

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "boot/boot.h"

typedef struct {
	char *folder, *path; /* path: folder/state, not there yet */
	Config config;
	Slot slots[3];
	Boot *boot;
	GString *said;
} Device;

static inline GLogWriterOutput device_hear(GLogLevelFlags level, const GLogField *fields,
                                           gsize n_fields, gpointer user)
{
	GString *said = user;

	for (gsize i = 0; i < n_fields; i++) {
		if (level & (G_LOG_LEVEL_WARNING | G_LOG_LEVEL_MESSAGE) &&
		    g_str_equal(fields[i].key, "MESSAGE"))
			g_string_append_printf(said, "%s\n", (const char *)fields[i].value);
	}
	return G_LOG_WRITER_HANDLED;
}

/* What was said since the device was made; GLib lets us set the writer once only. */
static GString *device_said;

static inline Device *device_new(Bootloader bootloader)
{
	Device *device = g_new0(Device, 1);

	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	if (!device_said) {
		device_said = g_string_new("");
		g_log_set_writer_func(device_hear, device_said, NULL);
	}
	device->said = g_string_truncate(device_said, 0);
	device->folder = g_dir_make_tmp("boot-XXXXXX", NULL);
	device->path = g_build_filename(device->folder, "state", NULL);
	device->slots[0] = (Slot){ .name = (char *)"rootfs.0", .boot_name = (char *)"A" };
	device->slots[1] = (Slot){ .name = (char *)"data.0" };
	device->slots[2] = (Slot){ .name = (char *)"rootfs.1", .boot_name = (char *)"B" };
	device->config.bootloader = bootloader;
	device->config.grubenv = device->path;
	device->config.raspberrypi_autoboot = device->path;
	device->config.handler_bootloader_custom = device->path;
	device->config.slots = g_ptr_array_new();
	for (unsigned i = 0; i < G_N_ELEMENTS(device->slots); i++)
		g_ptr_array_add(device->config.slots, &device->slots[i]);
	device->boot = boot_open(&device->config, NULL);
	return device;
}

static inline const Slot *device_slot(Device *device, char boot_name)
{
	return &device->slots[boot_name == 'A' ? 0 : 2];
}

static inline void device_free(Device *device)
{
	g_assert_true(file_remove_tree(device->folder, NULL));
	boot_free(device->boot);
	g_ptr_array_unref(device->config.slots);
	g_free(device->folder);
	g_free(device->path);
	g_free(device);
}
