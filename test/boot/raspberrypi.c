/* SPDX-License-Identifier: MIT */

/* boot/raspberrypi.c: what stands in autoboot.txt and in systemd's reboot parameter after each change. */

#include "device.h"

#include <fcntl.h>
#include <sys/stat.h>

#define TEXT(all, tryboot, states)                         \
	"[all]\ntryboot_a_b=1\nboot_partition=" all "\n\n" \
	"[tryboot]\nboot_partition=" tryboot "\n\n# rauc " states "\n"

typedef struct {
	Device *device;
	char *flag;
} Pi;

static char *inside(const Pi *pi, const char *name)
{
	return g_build_filename(pi->device->folder, name, NULL);
}

static Pi pi_new(const char *text)
{
	Pi pi = { device_new(BOOTLOADER_RASPBERRYPI), NULL };
	g_autofree char *firmware = inside(&pi, "firmware"), *block = inside(&pi, "block");

	pi.flag = inside(&pi, "reboot-param");
	pi.device->slots[0].boot_partition = 2;
	pi.device->slots[2].boot_partition = 3;
	pi.device->config.boot_attempts_primary = 0;
	g_setenv("RAUC_TEST_REBOOT_PARAM", pi.flag, TRUE);
	g_setenv("RAUC_TEST_FIRMWARE", firmware, TRUE);
	g_setenv("RAUC_TEST_SYS_BLOCK", block, TRUE);
	if (text)
		g_assert_true(g_file_set_contents(pi.device->path, text, -1, NULL));
	return pi;
}

static void pi_free(Pi *pi)
{
	device_free(pi->device);
	g_free(pi->flag);
}

static void assert_text(const Pi *pi, const char *wanted)
{
	g_autofree char *text = NULL;
	gsize size;

	g_assert_true(g_file_get_contents(pi->device->path, &text, &size, NULL));
	g_assert_cmpuint(size, ==, 512);
	text[strlen(wanted)] = '\0';
	g_assert_cmpstr(text, ==, wanted);
}

static bool is_armed(const Pi *pi)
{
	g_autofree char *text = NULL;

	if (!g_file_get_contents(pi->flag, &text, NULL, NULL))
		return false;
	g_assert_cmpstr(text, ==, "0 tryboot\n");
	return true;
}

static void test_trial_and_commit(void)
{
	Pi pi = pi_new(TEXT("2", "2", "A=good     B=good    "));
	const Slot *a = device_slot(pi.device, 'A'), *b = device_slot(pi.device, 'B');
	Boot *boot = pi.device->boot;

	g_assert_true(boot_get_primary(boot, NULL) == a);
	g_assert_true(boot_set_state(boot, b, false, NULL));
	assert_text(&pi, TEXT("2", "2", "A=good     B=bad     "));
	g_assert_false(is_armed(&pi));
	g_assert_true(boot_set_primary(boot, b, NULL));
	assert_text(&pi, TEXT("2", "3", "A=good     B=trial:3 "));
	g_assert_true(is_armed(&pi));
	g_assert_true(boot_get_primary(boot, NULL) == b);
	g_assert_true(boot_set_state(boot, a, true, NULL)); /* the same boot: nothing is over */
	assert_text(&pi, TEXT("2", "3", "A=good     B=trial:3 "));
	g_assert_cmpint(g_unlink(pi.flag), ==, 0);
	g_assert_true(boot_set_state(boot, b, true, NULL));
	assert_text(&pi, TEXT("3", "3", "A=good     B=good    "));
	g_assert_true(boot_get_primary(boot, NULL) == b);
	pi_free(&pi);
}

static void test_attempts(void)
{
	static const char *const after[] = { "B=trial:2 ", "B=trial:1 ", "B=used    " };
	Pi pi = pi_new(TEXT("2", "2", "A=good     B=good    "));
	const Slot *a = device_slot(pi.device, 'A'), *b = device_slot(pi.device, 'B');

	g_assert_true(boot_set_primary(pi.device->boot, b, NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(after); i++) {
		bool is_last = i + 1 == G_N_ELEMENTS(after);
		g_autofree char *states = g_strconcat("A=good     ", after[i], NULL);
		g_autofree char *text = NULL;

		g_assert_cmpint(g_unlink(pi.flag), ==, 0); /* a restart */
		g_assert_true(boot_set_state(pi.device->boot, a, true, NULL));
		g_assert_true(g_file_get_contents(pi.device->path, &text, NULL, NULL));
		g_assert_nonnull(strstr(text, states));
		g_assert_cmpint(is_armed(&pi), ==, !is_last);
	}
	bool good = true;
	g_assert_true(boot_get_state(pi.device->boot, b, &good, NULL));
	g_assert_false(good);
	g_assert_true(boot_get_primary(pi.device->boot, NULL) == a);
	assert_text(&pi, TEXT("2", "2", "A=good     B=used    "));
	pi_free(&pi);
}

/* What is there, what is done, what is there then. */
static const struct {
	const char *before;
	char slot;
	const char *what, *after;
	bool is_armed;
} changes[] = {
	{ NULL, 'A', "good", TEXT("2", "2", "A=good     B=unknown "), false },
	{ "", 'B', "good", TEXT("3", "3", "A=unknown  B=good    "), false },
	{ NULL, 'B', "bad", TEXT("2", "2", "A=unknown  B=bad     "), false },
	{ NULL, 'A', "bad", TEXT("3", "3", "A=bad      B=unknown "), false },
	{ "junk\n", 'B', "active", TEXT("2", "3", "A=unknown  B=trial:3 "), true },
	{ "[all]\ntryboot_a_b=1\nboot_partition=3\n[tryboot]\nboot_partition=2\n", 'A', "active",
	  TEXT("3", "2", "A=trial:3  B=good    "), true },
	{ "[all]\nboot_partition=7\n", 'A', "good", TEXT("2", "2", "A=good     B=unknown "),
	  false },
	{ TEXT("2", "2", "A=good     B=good     C=bad"), 'B', "active",
	  TEXT("2", "3", "A=good     B=trial:3 "), true },
	{ TEXT("2", "3", "A=good     B=trial:2 "), 'B', "bad",
	  TEXT("2", "2", "A=good     B=bad     "), false },
	{ TEXT("2", "3", "A=good     B=trial:2 "), 'A', "active",
	  TEXT("2", "2", "A=good     B=used    "), false },
	{ TEXT("2", "2", "A=good     B=good    "), 'A', "bad",
	  TEXT("3", "3", "A=bad      B=good    "), false },
	{ TEXT("2", "2", "A=good     B=used    "), 'A', "bad",
	  TEXT("3", "3", "A=bad      B=used    "), false },
	{ TEXT("2", "2", "A=good     B=bad     "), 'A', "bad",
	  TEXT("2", "2", "A=bad      B=bad     "), false },
	{ TEXT("2", "2", "A=bad      B=bad     "), 'B', "good",
	  TEXT("3", "3", "A=bad      B=good    "), false },
	{ TEXT("2", "2", "A=good     B=bad     "), 'B', "good",
	  TEXT("2", "2", "A=good     B=good    "), false },
};

static void test_changes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
		Pi pi = pi_new(changes[i].before);
		const Slot *slot = device_slot(pi.device, changes[i].slot);
		bool is_good = g_str_equal(changes[i].what, "good");

		if (g_str_equal(changes[i].what, "active"))
			g_assert_true(boot_set_primary(pi.device->boot, slot, NULL));
		else
			g_assert_true(boot_set_state(pi.device->boot, slot, is_good, NULL));
		assert_text(&pi, changes[i].after);
		g_assert_cmpint(is_armed(&pi), ==, changes[i].is_armed);
		pi_free(&pi);
	}
}

/* A change that changes nothing does not touch the file. */
static void test_nothing(void)
{
	Pi pi = pi_new(NULL);
	const Slot *a = device_slot(pi.device, 'A');
	const struct timespec old[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct stat status;

	g_assert_true(boot_set_state(pi.device->boot, a, true, NULL));
	g_assert_cmpint(utimensat(AT_FDCWD, pi.device->path, old, 0), ==, 0);
	g_assert_true(boot_set_state(pi.device->boot, a, true, NULL));
	g_assert_true(boot_set_primary(pi.device->boot, a, NULL));
	g_assert_cmpint(stat(pi.device->path, &status), ==, 0);
	g_assert_cmpint(status.st_mtime, ==, 1000);
	g_assert_false(is_armed(&pi));
	pi_free(&pi);
}

/* A larger file of another is cut to what the firmware takes; the file stays the same inode. */
static void test_in_place(void)
{
	g_autofree char *large = g_strnfill(5000, 'x');
	Pi pi = pi_new(large);
	struct stat before, after;

	g_assert_cmpint(stat(pi.device->path, &before), ==, 0);
	g_assert_true(boot_set_state(pi.device->boot, device_slot(pi.device, 'A'), true, NULL));
	g_assert_cmpint(stat(pi.device->path, &after), ==, 0);
	g_assert_cmpuint(before.st_ino, ==, after.st_ino);
	assert_text(&pi, TEXT("2", "2", "A=good     B=unknown "));
	pi_free(&pi);
}

static void put(const Pi *pi, const char *path, const char *bytes, gssize size)
{
	g_autofree char *full = inside(pi, path), *folder = g_path_get_dirname(full);

	g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
	g_assert_true(g_file_set_contents(full, bytes, size, NULL));
}

/* The number of the FAT child's partition, where boot-partition= is not given. */
static void test_partition_of_child(void)
{
	Pi pi = pi_new(NULL);
	Slot *child = &pi.device->slots[1];
	g_autoptr(GError) error = NULL;

	pi.device->slots[2].boot_partition = 0;
	g_assert_false(boot_set_primary(pi.device->boot, device_slot(pi.device, 'B'), &error));
	g_assert_error(error, FAILURE, FAILURE_CONFIG);
	g_assert_nonnull(strstr(error->message, "set boot-partition= in [slot.rootfs.1]"));
	child->parent = &pi.device->slots[2];
	child->type = SLOT_VFAT;
	child->device = (char *)"/dev/no-such-p5";
	put(&pi, "block/no-such-p5/partition", "5\n", -1);
	g_assert_true(boot_set_state(pi.device->boot, device_slot(pi.device, 'A'), true, NULL));
	g_assert_true(boot_set_primary(pi.device->boot, device_slot(pi.device, 'B'), NULL));
	assert_text(&pi, TEXT("2", "5", "A=good     B=trial:3 "));
	pi_free(&pi);
}

static void test_current(void)
{
	Pi pi = pi_new(NULL);
	g_autofree char *none = boot_get_current(pi.device->boot, NULL);

	g_assert_null(none);
	put(&pi, "firmware/partition", "\0\0\0\3", 4);
	g_autofree char *b = boot_get_current(pi.device->boot, NULL);
	g_assert_cmpstr(b, ==, "B");
	put(&pi, "firmware/partition", "\0\0\0\1", 4);
	g_autofree char *other = boot_get_current(pi.device->boot, NULL);
	g_assert_null(other);
	put(&pi, "firmware/partition", "3", 1);
	g_autofree char *odd = boot_get_current(pi.device->boot, NULL);
	g_assert_null(odd);
	pi_free(&pi);
}

static void test_old_firmware(void)
{
	Pi pi = pi_new(TEXT("2", "2", "A=good     B=good    "));

	put(&pi, "firmware/capabilities", "\0\0\0\x7f", 4);
	g_assert_true(boot_set_primary(pi.device->boot, device_slot(pi.device, 'B'), NULL));
	g_assert_null(strstr(pi.device->said->str, "EEPROM"));
	put(&pi, "firmware/capabilities", "\0\0\0\x0b", 4);
	g_assert_true(boot_set_primary(pi.device->boot, device_slot(pi.device, 'B'), NULL));
	g_assert_nonnull(strstr(pi.device->said->str, "too old for tryboot_a_b"));
	pi_free(&pi);
}

/* Without systemd the trial is on the medium all the same, and it is said how to begin it. */
static void test_no_systemd(void)
{
	Pi pi = pi_new(TEXT("2", "2", "A=good     B=good    "));

	g_setenv("RAUC_TEST_REBOOT_PARAM", "/no/such/folder/reboot-param", TRUE);
	g_assert_true(boot_set_primary(pi.device->boot, device_slot(pi.device, 'B'), NULL));
	assert_text(&pi, TEXT("2", "3", "A=good     B=trial:3 "));
	g_assert_nonnull(strstr(pi.device->said->str, "tried only by: reboot \"0 tryboot\""));
	pi_free(&pi);
}

static void test_no_place(void)
{
	Pi pi = pi_new(NULL);
	g_autoptr(GError) error = NULL;

	pi.device->config.raspberrypi_autoboot = (char *)"/no/such/folder/autoboot.txt";
	g_assert_null(boot_get_primary(pi.device->boot, &error));
	g_assert_cmpstr(error->message, ==,
	                "raspberrypi backend: /no/such/folder/autoboot.txt names no slot to boot");
	g_clear_error(&error);
	g_assert_false(boot_set_state(pi.device->boot, device_slot(pi.device, 'A'), true, &error));
	g_assert_error(error, FAILURE, FAILURE_NOT_FOUND);
	pi_free(&pi);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/raspberrypi/trial-and-commit", test_trial_and_commit);
	g_test_add_func("/boot/raspberrypi/attempts", test_attempts);
	g_test_add_func("/boot/raspberrypi/changes", test_changes);
	g_test_add_func("/boot/raspberrypi/nothing", test_nothing);
	g_test_add_func("/boot/raspberrypi/in-place", test_in_place);
	g_test_add_func("/boot/raspberrypi/partition-of-child", test_partition_of_child);
	g_test_add_func("/boot/raspberrypi/current", test_current);
	g_test_add_func("/boot/raspberrypi/old-firmware", test_old_firmware);
	g_test_add_func("/boot/raspberrypi/no-systemd", test_no_systemd);
	g_test_add_func("/boot/raspberrypi/no-place", test_no_place);
	return g_test_run();
}
