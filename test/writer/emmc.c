/* SPDX-License-Identifier: MIT */

/* A boot partition of an eMMC, on a chip made of files: no real one was to be had. */

#include "writer/emmc.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cut.h"
#include "disk.h"

#define SIZE 262144

typedef struct {
	TestDisk *disk;
	char *partitions[2];
	uint8_t config, protection;
	unsigned target, n_switched, n_written;
	bool is_read_only[2], is_stuck, ignores;
	int fails_at; /* step */
	int step;
} Chip;

static bool step(Chip *chip, GError **error)
{
	return ++chip->step != chip->fails_at || fail(error, FAILURE_IO, "step %d", chip->step);
}

static bool read_csd(void *user, const char *disk, uint8_t *csd, GError **error)
{
	Chip *chip = user;

	g_assert_cmpstr(disk, ==, chip->disk->path);
	memset(csd, 0xee, EMMC_EXT_CSD_SIZE);
	csd[174] = chip->protection;
	csd[179] = chip->config;
	return step(chip, error);
}

static bool is_new(Chip *chip)
{
	uint64_t limit = chip->disk->slot.size_limit;
	char *data;
	size_t size;

	g_assert_true(g_file_get_contents(chip->partitions[chip->target], &data, &size, NULL));
	bool same = test_disk_is_boot((uint8_t *)data, (Window){ 0, limit ? limit : SIZE },
	                              chip->disk->new);
	g_free(data);
	return same;
}

/* The one moment that decides: all is there, and flushed. */
static bool set_config(void *user, const char *partition, uint8_t value, GError **error)
{
	Chip *chip = user;

	g_assert_cmpstr(partition, ==, chip->partitions[chip->target]);
	g_assert_true(chip->is_read_only[chip->target]);
	g_assert_true(is_new(chip));
	g_assert_true(cut_is_durable());
	if (!step(chip, error))
		return false;
	chip->n_switched++;
	if (!chip->ignores)
		chip->config = value;
	return true;
}

static bool set_ro(void *user, const char *partition, bool yes, GError **error)
{
	Chip *chip = user;

	g_assert_cmpstr(partition, ==, chip->partitions[chip->target]);
	if (!step(chip, error))
		return false;
	chip->is_read_only[chip->target] = yes;
	return true;
}

static const EmmcOps ops = { read_csd, set_config, set_ro };

static void chip_begin(Chip *chip, uint8_t config, unsigned target, size_t image)
{
	g_autofree char *dirt = g_strnfill(SIZE, 'o');

	*chip = (Chip){ .config = config, .target = target, .is_read_only = { true, true } };
	chip->disk = test_disk_new(SLOT_BOOT_EMMC, 65536, NULL);
	test_disk_set_boot(chip->disk, 10, image, 0, 512);
	for (unsigned n = 0; n < 2; n++) {
		chip->partitions[n] = g_strdup_printf("%sboot%u", chip->disk->path, n);
		g_assert_true(g_file_set_contents(chip->partitions[n], dirt, SIZE, NULL));
	}
	cut_begin(chip->partitions[target]);
}

static void chip_end(Chip *chip)
{
	g_autofree char *other = NULL, *dirt = g_strnfill(SIZE, 'o');

	cut_end();
	g_assert_true(g_file_get_contents(chip->partitions[1 - chip->target], &other, NULL, NULL));
	g_assert_cmpmem(other, SIZE, dirt, SIZE);
	for (unsigned n = 0; n < 2; n++) {
		g_unlink(chip->partitions[n]);
		g_free(chip->partitions[n]);
	}
	test_disk_free(chip->disk);
}

static const struct {
	uint8_t before;
	unsigned target;
	uint8_t after;
} rows[] = {
	{ 0x08, 1, 0x10 }, { 0x10, 0, 0x08 }, { 0x48, 1, 0x50 },
	{ 0x53, 0, 0x48 }, { 0x00, 0, 0x08 }, { 0x40, 0, 0x48 },
};

static void test_switches(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Chip chip;
		g_autoptr(GError) error = NULL;

		chip_begin(&chip, rows[i].before, rows[i].target, 100000);
		WriterJob job = test_disk_job(chip.disk);
		g_autofree char *expected =
			g_strdup_printf("RAUC_BOOT_PARTITION_ACTIVATING=%u RAUC_BOOT_SIZE_LIMIT=0",
		                        rows[i].target);
		g_auto(GStrv) variables = emmc_variables(&ops, &chip, &job, NULL);
		g_autofree char *text = g_strjoinv(" ", variables);
		g_assert_cmpstr(text, ==, expected);
		g_assert_true(emmc_check(&ops, &chip, &job, &error));
		g_assert_cmpuint(cut_count(), ==, 0);
		g_assert_true(emmc_write(&ops, &chip, &job, &error));
		g_assert_no_error(error);
		g_assert_cmphex(chip.config, ==, rows[i].after);
		g_assert_cmpuint(chip.n_switched, ==, 1);
		chip_end(&chip);
	}
}

/* Whatever fails: not switched before all is written, and write-protected again. */
static void test_failures(void)
{
	for (unsigned kind = 0; kind < 2; kind++) {
		for (int n = 1; n <= 8; n++) {
			Chip chip;
			g_autoptr(GError) error = NULL;

			chip_begin(&chip, 0x08, 1, 100000);
			WriterJob job = test_disk_job(chip.disk);
			if (kind == 0)
				chip.fails_at = n;
			else
				cut_fail_from((unsigned)n - 1);
			bool ok = emmc_write(&ops, &chip, &job, &error);
			g_assert_true(ok == !error);
			g_assert_true(ok == (chip.config == 0x10) || chip.fails_at == 5);
			g_assert_true(chip.is_read_only[1] || chip.fails_at == 3);
			if (n == 1)
				g_assert_false(ok);
			chip_end(&chip);
		}
	}
}

static void test_kernel_bug(void)
{
	Chip chip;
	g_autoptr(GError) error = NULL;

	chip_begin(&chip, 0x10, 0, 5);
	chip.ignores = true;
	WriterJob job = test_disk_job(chip.disk);
	g_assert_false(emmc_write(&ops, &chip, &job, &error));
	g_assert_nonnull(strstr(error->message, "a bug of the kernel's MMC driver"));
	chip_end(&chip);
}

static const struct {
	uint8_t config;
	size_t image;
	uint64_t limit;
	const char *message;
	uint8_t protection;
} refusals[] = {
	{ 0x38, 9, 0, "boots from its user area" },
	{ 0x18, 9, 0, "has no boot partition 3 enabled" },
	{ 0x08, SIZE + 1, 0, "Slot (262144 bytes) is too small for image (262145 bytes)." },
	{ 0x08, 513, 512, "Image size (513 bytes) is larger than size-limit (512 bytes)." },
	{ 0x08, 0, 0, "is empty" },
	{ 0x08, 9, 0, "boot1 is write-protected in the chip until", 0x04 },
	{ 0x08, 9, 0, "boot1 is permanently write-protected in the chip", 0x08 },
	{ 0x10, 9, 0, "boot0 is write-protected in the chip until", 0x01 },
	{ 0x10, 9, 0, "boot0 is permanently write-protected in the chip", 0x06 },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		Chip chip;
		g_autoptr(GError) error = NULL;

		chip_begin(&chip, refusals[i].config, 1, refusals[i].image);
		chip.protection = refusals[i].protection;
		chip.disk->slot.size_limit = refusals[i].limit;
		WriterJob job = test_disk_job(chip.disk);
		g_assert_false(emmc_check(&ops, &chip, &job, &error));
		if (!strstr(error->message, refusals[i].message))
			g_error("row %u: %s", i, error->message);
		g_assert_cmpuint(cut_count(), ==, 0);
		chip_end(&chip);
	}
}

/* Behind size-limit nothing is touched. */
static void test_size_limit(void)
{
	Chip chip;
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;

	chip_begin(&chip, 0x08, 1, SIZE);
	test_disk_set_boot(chip.disk, 10, 5000, 0, 512);
	chip.disk->slot.size_limit = 65536;
	WriterJob job = test_disk_job(chip.disk);
	g_assert_true(emmc_check(&ops, &chip, &job, &error));
	g_assert_true(emmc_write(&ops, &chip, &job, &error));
	g_assert_cmphex(chip.config, ==, 0x10);
	g_assert_true(g_file_get_contents(chip.partitions[1], &text, NULL, NULL));
	g_assert_true(test_disk_is_boot((uint8_t *)text, (Window){ 0, 65536 }, chip.disk->new));
	g_assert_cmpint(text[65536], ==, 'o');
	g_assert_cmpint(text[SIZE - 1], ==, 'o');
	chip_end(&chip);
}

/* This machine's disks are no eMMC: said, not crashed. */
static void test_no_emmc(void)
{
	g_autoptr(TestDisk) disk = test_disk_new(SLOT_BOOT_EMMC, 65536, NULL);
	g_autoptr(GError) error = NULL;

	test_disk_set_boot(disk, 1, 9, 0, 512);
	WriterJob job = test_disk_job(disk);
	g_assert_false(writer_emmc.check(&job, &error));
	g_assert_nonnull(strstr(error->message, "cannot read EXT_CSD of "));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/writer/emmc/switches", test_switches);
	g_test_add_func("/writer/emmc/failures", test_failures);
	g_test_add_func("/writer/emmc/kernel-bug", test_kernel_bug);
	g_test_add_func("/writer/emmc/refusals", test_refusals);
	g_test_add_func("/writer/emmc/size-limit", test_size_limit);
	g_test_add_func("/writer/emmc/no-emmc", test_no_emmc);
	return g_test_run();
}
