/* SPDX-License-Identifier: MIT */

/* boot/uboot_check.c: every way in which an environment can be misplaced, and what is said about it. */

#include "boot/uboot_check.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define SIZE 0x1000

static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
	uint32_t crc = ~0u;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* A device of three times SIZE bytes: what is asked for, at 0 and at SIZE, each a letter:
 * r redundant, s single, h redundant and half as large, z zeros, o ones, n noise; e: nothing, the device ends. */
static void make_device(const char *path, const char *kinds)
{
	g_autofree uint8_t *bytes = g_malloc0(3 * SIZE);
	size_t n = 0;

	for (; kinds[n] && kinds[n] != 'e'; n++) {
		uint8_t *at = bytes + n * SIZE;
		size_t size = kinds[n] == 'h' ? SIZE / 2 : SIZE, head = kinds[n] == 's' ? 4 : 5;

		memset(at, kinds[n] == 'o' ? 0xff : kinds[n] == 'n' ? 'n' : 0, SIZE);
		if (!strchr("rsh", kinds[n]))
			continue;
		at[4] = 1;
		memcpy(at + head, "BOOT_ORDER=A B", 15);
		uint32_t crc = GUINT32_TO_LE(crc_of(at + head, size - head));
		memcpy(at, &crc, sizeof(crc));
	}
	size_t size = kinds[n] ? n * SIZE : 3 * SIZE;
	g_assert_true(g_file_set_contents(path, (char *)bytes, (gssize)size, NULL));
}

static const struct {
	const char *kinds, *config, *complaint; /* @: the device; complaint: NULL: nothing to say */
} places[] = {
	{ "rr", "# both\n@ 0x0 0x1000\n@ 0x1000 0x1000 0x1000 1\n", NULL },
	{ "rr", "@\t0\t4096\n\n  @ 0x1000   0x1000\n", NULL },
	{ "s", "@ 0x0 0x1000\n", "names one copy of the environment: power lost" },
	{ "rr", "", "names no device" },
	{ "rr", "# @ 0x0 0x1000\n", "names no device" },
	{ "rr", "@ 0x0\n", "line 1: expected DEVICE OFFSET SIZE, found" },
	{ "rr", "@ 0x0 0x1000\n@ zero 0x1000\n", "line 2: expected DEVICE OFFSET SIZE" },
	{ "rr", "@ 0x0 0x10\n", "expected DEVICE OFFSET SIZE" },
	{ "rr", "@ 0x0 0x10000000\n", "expected DEVICE OFFSET SIZE" },
	{ "rr", "@ 0 4096\n@ 4096 4096\n@ 8192 4096\n", "line 3: an environment has two copies" },
	{ "rr", "@x 0x0 0x1000\n@ 0x1000 0x1000\n", "x is not there" },
	{ "re", "@ 0x0 0x1000\n@ 0x1000 0x1000\n",
	  "ends before the environment does: offset 0x1000 and size 0x1000" },
	{ "rr", "@ 0x0 0x1000\n@ 0x2000 0x1000\n",
	  "at 0x2000, size 0x1000, has no environment with a right checksum: there is nothing but "
	  "0x00: the offset is wrong, or none was ever saved; the other copy is sound" },
	{ "ro", "@ 0x0 0x1000\n@ 0x1000 0x1000\n", "nothing but 0xff" },
	{ "hh", "@ 0x0 0x1000\n@ 0x1000 0x1000\n", "its size is 0x800" },
	{ "rr", "@ 0x0 0x800\n@ 0x1000 0x800\n", "its size is 0x1000" },
	{ "ss", "@ 0x0 0x1000\n@ 0x1000 0x1000\n",
	  "kept once, not redundant: name it in one line" },
	{ "rr", "@ 0x0 0x1000\n", "one of a redundant environment: name both copies" },
	{ "nr", "@ 0x0 0x1000\n@ 0x1000 0x1000\n",
	  "the offset or the size is wrong, or it is damaged; the other copy is sound, the next "
	  "change repairs this one" },
	{ "nn", "@ 0x0 0x1000\n@ 0x1000 0x1000\n",
	  "the offset or the size is wrong, or it is damaged" },
};

static void test_places(void)
{
	g_autofree char *folder = g_dir_make_tmp("check-XXXXXX", NULL);
	g_autofree char *device = g_build_filename(folder, "device", NULL);
	g_autofree char *config = g_build_filename(folder, "fw_env.config", NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
		g_auto(GStrv) parts = g_strsplit(places[i].config, "@", -1);
		g_autofree char *text = g_strjoinv(device, parts);
		g_autoptr(GError) error = NULL;
		g_autofree char *before = NULL, *after = NULL;
		size_t n_before, n_after;

		make_device(device, places[i].kinds);
		g_assert_true(g_file_set_contents(config, text, -1, NULL));
		g_assert_true(g_file_get_contents(device, &before, &n_before, NULL));
		bool is_fine = uboot_check(config, &error);
		g_test_message("%u: %s", i, error ? error->message : "fine");
		g_assert_true(is_fine == !places[i].complaint);
		if (places[i].complaint)
			g_assert_nonnull(strstr(error->message, places[i].complaint));
		g_assert_true(g_file_get_contents(device, &after, &n_after, NULL));
		g_assert_cmpmem(before, n_before, after, n_after);
	}
	g_assert_true(g_unlink(device) == 0 && g_unlink(config) == 0 && g_rmdir(folder) == 0);
}

static void test_no_config(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_false(uboot_check("/nowhere/fw_env.config", &error));
	g_assert_error(error, FAILURE, FAILURE_CONFIG);
	g_assert_nonnull(strstr(error->message, "nothing says where the environment lies"));
	g_assert_nonnull(strstr(error->message, "/nowhere/fw_env.config"));
}

/* libubootenv would wait for ever. */
static void test_lock(void)
{
	g_autofree char *folder = g_dir_make_tmp("check-XXXXXX", NULL);
	g_autofree char *path = g_build_filename(folder, "lock", NULL);
	g_autofree char *nowhere = g_build_filename(folder, "no", "lock", NULL);
	g_autoptr(GError) busy = NULL, lost = NULL;

	g_assert_true(uboot_check_lock(path, NULL));
	g_assert_true(uboot_check_lock(path, NULL));
	fd_auto int held = fd_open(path, O_RDONLY, 0, NULL);
	g_assert_true(held >= 0 && flock(held, LOCK_EX) == 0);
	g_assert_false(uboot_check_lock(path, &busy));
	g_assert_error(busy, FAILURE, FAILURE_BUSY);
	g_assert_nonnull(strstr(busy->message, "keeps the environment locked"));
	g_assert_false(uboot_check_lock(nowhere, &lost));
	g_assert_nonnull(strstr(lost->message, nowhere));
	g_assert_true(g_unlink(path) == 0 && g_rmdir(folder) == 0);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/uboot-check/places", test_places);
	g_test_add_func("/boot/uboot-check/no-config", test_no_config);
	g_test_add_func("/boot/uboot-check/lock", test_lock);
	return g_test_run();
}
