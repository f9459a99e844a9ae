/* SPDX-License-Identifier: MIT */

/* boot/uboot.c: RAUC's rules over a real environment, two copies of it, damage; fw_printenv and fw_setenv as the judges. */

#include "device.h"

#include <sys/stat.h>

#include "base/process.h"

#define SIZE 4096

/* CRC-32 as U-Boot has it over what follows. */
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

/*
 * CRC-32 (4 bytes, little endian), with two copies a flags byte (the higher one is
 * the newer copy), then NAME=value strings with a NUL each, and one NUL more.
 */
static void write_copy(const char *path, const char *variables, int flags)
{
	g_autofree uint8_t *bytes = g_malloc0(SIZE);
	size_t header = flags < 0 ? 4 : 5;

	for (size_t i = 0; variables[i]; i++)
		bytes[header + i] = variables[i] == '\n' ? '\0' : (uint8_t)variables[i];
	if (flags >= 0)
		bytes[4] = (uint8_t)flags;

	uint32_t crc = GUINT32_TO_LE(crc_of(bytes + header, SIZE - header));
	memcpy(bytes, &crc, 4);
	g_assert_true(g_file_set_contents(path, (char *)bytes, SIZE, NULL));
}

typedef struct {
	Device *device;
	char *copies[2];
	unsigned n_copies;
} Bench;

static Bench bench_new(const char *variables, unsigned n_copies)
{
	Bench bench = { .device = device_new(BOOTLOADER_UBOOT), .n_copies = n_copies };
	g_autoptr(GString) text = g_string_new("");

	for (unsigned i = 0; i < n_copies; i++) {
		bench.copies[i] = g_strdup_printf("%s/copy-%u", bench.device->folder, i);
		write_copy(bench.copies[i], variables, n_copies == 1 ? -1 : (int)(1 - i));
		g_string_append_printf(text, "%s 0x0 0x%x\n", bench.copies[i], SIZE);
	}
	bench.device->config.fw_env_config = bench.device->path;
	g_assert_true(g_file_set_contents(bench.device->path, text->str, -1, NULL));
	return bench;
}

static void bench_free(Bench *bench)
{
	device_free(bench->device);
	for (unsigned i = 0; i < bench->n_copies; i++)
		g_free(bench->copies[i]);
}

/* What the boot loader's own tool reads; "" where a variable is not set. */
static char *judge(const Bench *bench, const char *name)
{
	char *value =
		process_capture(NULL, "fw_printenv", "-c", bench->device->path, "-n", name, NULL);

	return value ? value : g_strdup("");
}

static void assert_env(const Bench *bench, const char *order, const char *a, const char *b)
{
	g_autofree char *found_order = judge(bench, "BOOT_ORDER");
	g_autofree char *found_a = judge(bench, "BOOT_A_LEFT");
	g_autofree char *found_b = judge(bench, "BOOT_B_LEFT");
	g_autofree char *other = judge(bench, "bootcmd");

	g_assert_cmpstr(found_order, ==, order);
	g_assert_cmpstr(found_a, ==, a);
	g_assert_cmpstr(found_b, ==, b);
	g_assert_cmpstr(other, ==, "run it");
}

static bool has_judge(void)
{
	g_autofree char *program = g_find_program_in_path("fw_printenv");

	if (!program)
		g_test_skip("fw_printenv is not installed");
	return program;
}

static const struct {
	const char *env, *a, *b, *primary;
} states[] = {
	{ "BOOT_ORDER=A B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=03\n", "good", "good", "A" },
	{ "BOOT_ORDER=B A\nBOOT_A_LEFT=a\nBOOT_B_LEFT=0\n", "good", "bad", "A" },
	{ "BOOT_ORDER=B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=1 \n", "bad", "good", "B" },
	{ "BOOT_ORDER=x  A\nBOOT_A_LEFT=00\nBOOT_B_LEFT=zz\n", "bad", "bad",
	  "Unable to find primary boot slot" },
	{ "BOOT_A_LEFT=3\n", "variable 'BOOT_ORDER' is not set in the U-Boot environment",
	  "variable 'BOOT_ORDER' is not set in the U-Boot environment",
	  "variable 'BOOT_ORDER' is not set in the U-Boot environment" },
	{ "BOOT_ORDER=A B\nBOOT_B_LEFT=3\n",
	  "variable 'BOOT_A_LEFT' is not set in the U-Boot environment", "good", "B" },
};

static const char *said_behind(const GError *error)
{
	g_assert_true(g_str_has_prefix(error->message, "uboot backend: "));
	return error->message + strlen("uboot backend: ");
}

static void assert_state(Device *device, char name, const char *wanted)
{
	g_autoptr(GError) error = NULL;
	bool good;

	if (boot_get_state(device->boot, device_slot(device, name), &good, &error))
		g_assert_cmpstr(good ? "good" : "bad", ==, wanted);
	else
		g_assert_cmpstr(said_behind(error), ==, wanted);
}

static void test_states(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
		Bench bench = bench_new(states[i].env, 1 + i % 2);
		g_autoptr(GError) error = NULL;
		const Slot *primary = boot_get_primary(bench.device->boot, &error);

		assert_state(bench.device, 'A', states[i].a);
		assert_state(bench.device, 'B', states[i].b);
		g_assert_cmpstr(primary ? primary->boot_name : said_behind(error), ==,
		                states[i].primary);
		bench_free(&bench);
	}
}

static void test_changes(void)
{
	for (unsigned n_copies = 1; has_judge() && n_copies <= 2; n_copies++) {
		Bench bench =
			bench_new("bootcmd=run it\nBOOT_ORDER=A B\nBOOT_A_LEFT=3\nBOOT_B_LEFT=1\n",
		                  n_copies);
		Boot *boot = bench.device->boot;
		const Slot *a = device_slot(bench.device, 'A'), *b = device_slot(bench.device, 'B');

		g_assert_true(boot_set_state(boot, a, true, NULL));
		assert_env(&bench, "A B", "03", "1");
		g_assert_true(boot_set_state(boot, b, false, NULL));
		assert_env(&bench, "A", "03", "0");
		g_assert_true(boot_set_primary(boot, b, NULL));
		assert_env(&bench, "B A", "03", "3");
		bench.device->config.boot_attempts = 17;
		bench.device->config.boot_attempts_primary = 18;
		g_assert_true(boot_set_state(boot, b, true, NULL));
		assert_env(&bench, "B A", "03", "011");
		g_assert_true(boot_set_primary(boot, a, NULL));
		assert_env(&bench, "A B", "12", "011");
		bench_free(&bench);
	}
}

static void assert_untouched(const Bench *bench, const char *const *before)
{
	for (unsigned i = 0; i < bench->n_copies; i++) {
		g_autofree char *now = NULL;
		size_t size;

		g_assert_true(g_file_get_contents(bench->copies[i], &now, &size, NULL));
		g_assert_cmpmem(now, size, before[i], SIZE);
	}
}

/* One store a change, into the older copy only; and none at all where nothing changes. */
static void test_one_copy_at_a_time(void)
{
	Bench bench = bench_new("BOOT_ORDER=A B\nBOOT_A_LEFT=03\nBOOT_B_LEFT=03\n", 2);
	char *before[2], *after[2];

	for (unsigned i = 0; i < 2; i++)
		g_assert_true(g_file_get_contents(bench.copies[i], &before[i], NULL, NULL));
	g_assert_true(
		boot_set_state(bench.device->boot, device_slot(bench.device, 'A'), true, NULL));
	assert_untouched(&bench, (const char *const *)before);

	g_assert_true(boot_set_primary(bench.device->boot, device_slot(bench.device, 'B'), NULL));
	for (unsigned i = 0; i < 2; i++)
		g_assert_true(g_file_get_contents(bench.copies[i], &after[i], NULL, NULL));
	g_assert_cmpint(memcmp(before[0], after[0], SIZE) == 0, !=,
	                memcmp(before[1], after[1], SIZE) == 0);
	for (unsigned i = 0; i < 2; i++) {
		g_free(before[i]);
		g_free(after[i]);
	}
	bench_free(&bench);
}

/* A store cut or torn anywhere: the other copy is sound, and that is what counts. */
static void test_torn(void)
{
	Bench bench =
		bench_new("bootcmd=run it\nBOOT_ORDER=A B\nBOOT_A_LEFT=03\nBOOT_B_LEFT=03\n", 2);
	char *before[2], *after[2];

	for (unsigned i = 0; i < 2; i++)
		g_assert_true(g_file_get_contents(bench.copies[i], &before[i], NULL, NULL));
	g_assert_true(boot_set_primary(bench.device->boot, device_slot(bench.device, 'B'), NULL));
	for (unsigned i = 0; i < 2; i++)
		g_assert_true(g_file_get_contents(bench.copies[i], &after[i], NULL, NULL));
	for (size_t cut = 0; cut <= SIZE; cut = cut < 96 ? cut + 1 : cut + 250) {
		for (unsigned i = 0; i < 2; i++) {
			g_autofree char *torn = g_memdup2(before[i], SIZE);

			memcpy(torn, after[i], cut);
			g_assert_true(g_file_set_contents(bench.copies[i], torn, SIZE, NULL));
		}

		const Slot *primary = boot_get_primary(bench.device->boot, NULL);
		g_assert_nonnull(primary);
		assert_state(bench.device, 'A', "good");
		assert_state(bench.device, 'B', "good");
		g_assert_true(cut < SIZE || g_str_equal(primary->boot_name, "B"));
		g_assert_true(cut > 0 || g_str_equal(primary->boot_name, "A"));
	}
	for (unsigned i = 0; i < 2; i++) {
		g_free(before[i]);
		g_free(after[i]);
	}
	bench_free(&bench);
}

/* No sound copy: never an environment without bootcmd; with an initial one it is made anew. */
static void test_damage(void)
{
	for (unsigned n_copies = 1; has_judge() && n_copies <= 2; n_copies++) {
		Bench bench = bench_new("x=y\n", n_copies);
		const Slot *a = device_slot(bench.device, 'A');
		g_autofree char *noise = g_strnfill(SIZE, 'n');
		g_autofree char *initial =
			g_build_filename(bench.device->folder, "u-boot-initial-env", NULL);
		g_autoptr(GError) error = NULL;

		for (unsigned i = 0; i < n_copies; i++)
			g_assert_true(g_file_set_contents(bench.copies[i], noise, SIZE, NULL));
		g_assert_false(boot_set_primary(bench.device->boot, a, &error));
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		g_assert_nonnull(strstr(error->message, "no copy of the environment"));

		g_assert_true(
			g_file_set_contents(initial, "bootcmd=run it\nBOOT_ORDER=B\n", -1, NULL));
		g_assert_true(boot_set_primary(bench.device->boot, a, NULL));
		g_assert_nonnull(strstr(bench.device->said->str, "is made anew from"));
		assert_env(&bench, "A B", "3", "");
		bench_free(&bench);
	}
}

static void test_trouble(void)
{
	Bench bench = bench_new("BOOT_ORDER=A B\n", 1);
	const Slot *a = device_slot(bench.device, 'A');
	g_autoptr(GError) nowhere = NULL, nonsense = NULL;

	g_assert_true(
		g_file_set_contents(bench.device->path, "/nowhere/at/all 0x0 0x1000\n", -1, NULL));
	g_assert_false(boot_set_state(bench.device->boot, a, true, &nowhere));
	g_assert_nonnull(strstr(nowhere->message, bench.device->path));
	g_assert_true(g_unlink(bench.device->path) == 0);
	g_assert_false(boot_set_state(bench.device->boot, a, true, &nonsense));
	g_assert_nonnull(strstr(nonsense->message, "which says where the environment lies"));
	bench_free(&bench);
}

/* Two sound copies: nothing to say. One: a warning. Damage: what it is. */
static void test_check(void)
{
	for (unsigned n_copies = 1; n_copies <= 2; n_copies++) {
		Bench bench = bench_new("BOOT_ORDER=A B\n", n_copies);
		g_autofree char *noise = g_strnfill(SIZE, 'n');
		g_autoptr(GError) once = NULL, damaged = NULL;

		g_assert_true(boot_check(bench.device->boot, &once) == (n_copies == 2));
		g_assert_true(n_copies == 2 || strstr(said_behind(once), "make it redundant"));
		g_assert_true(g_file_set_contents(bench.copies[0], noise, SIZE, NULL));
		g_assert_false(boot_check(bench.device->boot, &damaged));
		g_assert_nonnull(
			strstr(said_behind(damaged), "no environment with a right checksum"));
		g_assert_nonnull(strstr(damaged->message, bench.copies[0]));
		bench_free(&bench);
	}
}

/* RAUC and its scripts write the number without the 0 in front, and so take the commitment away. */
static void test_they_write_we_read(void)
{
	Bench bench =
		bench_new("bootcmd=run it\nBOOT_ORDER=A B\nBOOT_A_LEFT=03\nBOOT_B_LEFT=03\n", 2);

	if (has_judge()) {
		g_assert_true(process_run(NULL, "fw_setenv", "-c", bench.device->path,
		                          "BOOT_A_LEFT", "3", NULL));
		g_assert_true(process_run(NULL, "fw_setenv", "-c", bench.device->path, "BOOT_ORDER",
		                          "B A", NULL));
		assert_state(bench.device, 'A', "good");
		g_assert_cmpstr(boot_get_primary(bench.device->boot, NULL)->boot_name, ==, "B");
		assert_env(&bench, "B A", "3", "03");
	}
	bench_free(&bench);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/uboot/states", test_states);
	g_test_add_func("/boot/uboot/changes", test_changes);
	g_test_add_func("/boot/uboot/one-copy-at-a-time", test_one_copy_at_a_time);
	g_test_add_func("/boot/uboot/torn", test_torn);
	g_test_add_func("/boot/uboot/damage", test_damage);
	g_test_add_func("/boot/uboot/trouble", test_trouble);
	g_test_add_func("/boot/uboot/check", test_check);
	g_test_add_func("/boot/uboot/they-write-we-read", test_they_write_we_read);
	return g_test_run();
}
