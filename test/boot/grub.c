/* SPDX-License-Identifier: MIT */

/* boot/grub.c: RAUC's rules over a file, damage of every kind, grub-editenv as the judge. */

#include "device.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/process.h"
#include "boot/grubenv.h"

#define HEADER "# GRUB Environment Block\n"

static char *block_of(const char *variables)
{
	g_autofree char *filling = g_strnfill(GRUBENV_SIZE, '#');
	char *block = g_strconcat(HEADER, variables, filling, NULL);

	block[GRUBENV_SIZE] = '\0';
	return block;
}

static Device *device_with(const char *variables)
{
	Device *device = device_new(BOOTLOADER_GRUB);
	g_autofree char *block = block_of(variables);

	g_assert_true(g_file_set_contents(device->path, block, GRUBENV_SIZE, NULL));
	return device;
}

static void assert_block(Device *device, const char *variables)
{
	g_autofree char *expected = block_of(variables), *found = NULL;
	size_t size;

	g_assert_true(g_file_get_contents(device->path, &found, &size, NULL));
	g_assert_cmpmem(found, size, expected, GRUBENV_SIZE);
}

static const struct {
	const char *env, *a, *b; /* state, or what the error says */
	const char *primary;
} states[] = {
	{ "ORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n", "good", "good", "A" },
	{ "ORDER=B A\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n", "good", "good", "B" },
	{ "ORDER=A B\nA_OK=1\nA_TRY=1\nB_OK=1\nB_TRY=0\n", "bad", "good", "B" },
	{ "ORDER=A B\nA_OK=0\nA_TRY=0\nB_OK=1\nB_TRY=0\n", "bad", "good", "B" },
	{ "ORDER=A\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n", "good", "bad", "A" },
	{ "ORDER=x  B A\nA_OK=0x1\nA_TRY=00\nB_OK=2\nB_TRY=0\n", "good", "bad", "A" },
	{ "ORDER=A B\nA_OK=1 \nA_TRY=0\t\nB_OK=yes\nB_TRY=0\n", "good", "bad", "A" },
	{ "ORDER=A B\nA_OK=0\nA_TRY=0\nB_OK=1\nB_TRY=1\n", "bad", "bad",
	  "No bootable slot found in ORDER 'A B'" },
	{ "ORDER=\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n", "bad", "bad", "Variable ORDER is empty" },
	{ "A_OK=1\nA_TRY=0\n", "Variable ORDER not set in grub environment",
	  "Variable ORDER not set in grub environment",
	  "Variable ORDER not set in grub environment" },
	{ "ORDER=A B\nB_OK=1\nB_TRY=0\n", "Variable A_OK not set in grub environment", "good",
	  "B" },
	{ "ORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=1\n", "good",
	  "Variable B_TRY not set in grub environment", "A" },
};

static char *state_of(Device *device, char boot_name)
{
	g_autoptr(GError) error = NULL;
	bool good;

	if (boot_get_state(device->boot, device_slot(device, boot_name), &good, &error))
		return g_strdup(good ? "good" : "bad");
	g_assert_true(g_str_has_prefix(error->message, "grub backend: "));
	return g_strdup(error->message + strlen("grub backend: "));
}

static char *primary_of(Device *device)
{
	g_autoptr(GError) error = NULL;
	const Slot *slot = boot_get_primary(device->boot, &error);

	if (slot)
		return g_strdup(slot->boot_name);
	g_assert_true(g_str_has_prefix(error->message, "grub backend: "));
	return g_strdup(error->message + strlen("grub backend: "));
}

static void test_states(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
		Device *device = device_with(states[i].env);
		g_autofree char *a = state_of(device, 'A'), *b = state_of(device, 'B');
		g_autofree char *primary = primary_of(device);

		g_assert_cmpstr(a, ==, states[i].a);
		g_assert_cmpstr(b, ==, states[i].b);
		g_assert_cmpstr(primary, ==, states[i].primary);
		g_assert_cmpstr(device->said->str, ==, "");
		assert_block(device, states[i].env);
		device_free(device);
	}
}

static void test_changes(void)
{
	Device *device = device_with("# mine\nORDER=A B\nA_OK=1\nA_TRY=1\nx=y\nB_OK=0\nB_TRY=0\n");
	const Slot *a = device_slot(device, 'A'), *b = device_slot(device, 'B');

	g_assert_true(boot_set_state(device->boot, a, true, NULL));
	assert_block(device, "# mine\nORDER=A B\nA_OK=1\nA_TRY=0\nx=y\nB_OK=0\nB_TRY=0\n"
	                     "A_LEFT=0\nA_COMMIT=1\n");
	g_assert_true(boot_set_primary(device->boot, b, NULL));
	assert_block(device, "# mine\nORDER=B A\nA_OK=1\nA_TRY=0\nx=y\nB_OK=1\nB_TRY=0\n"
	                     "A_LEFT=0\nA_COMMIT=2\nB_LEFT=3\nB_COMMIT=0\n");
	g_assert_true(boot_set_state(device->boot, b, true, NULL));
	assert_block(device, "# mine\nORDER=B A\nA_OK=1\nA_TRY=0\nx=y\nB_OK=1\nB_TRY=0\n"
	                     "A_LEFT=0\nA_COMMIT=2\nB_LEFT=0\nB_COMMIT=1\n");
	g_assert_true(boot_set_state(device->boot, b, false, NULL));
	assert_block(device, "# mine\nORDER=B A\nA_OK=1\nA_TRY=0\nx=y\nB_OK=0\nB_TRY=0\n"
	                     "A_LEFT=0\nA_COMMIT=2\nB_LEFT=0\nB_COMMIT=0\n");
	device->config.boot_attempts_primary = 12;
	g_assert_true(boot_set_primary(device->boot, a, NULL));
	assert_block(device, "# mine\nORDER=A B\nA_OK=1\nA_TRY=0\nx=y\nB_OK=0\nB_TRY=0\n"
	                     "A_LEFT=9\nA_COMMIT=0\nB_LEFT=0\nB_COMMIT=0\n");
	g_assert_cmpstr(device->said->str, ==, "");
	device_free(device);
}

/*
 * Commitments of slots that are not the first of ORDER hold only while they are not. So
 * the mark of what is committed already changes nothing, in the fallback neither.
 */
static void test_commitments(void)
{
	static const char fallback[] = "ORDER=x B A\nA_OK=1\nA_TRY=0\nA_LEFT=0\nA_COMMIT=2\n"
				       "B_OK=1\nB_TRY=1\nB_LEFT=0\nB_COMMIT=0\n";
	static const char made_first[] = "ORDER=A B\nA_OK=1\nA_TRY=0\nA_LEFT=0\nA_COMMIT=2\n";
	Device *device = device_with(fallback);

	g_assert_true(boot_set_state(device->boot, device_slot(device, 'A'), true, NULL));
	assert_block(device, fallback);
	device_free(device);

	device = device_with(made_first);
	g_assert_true(boot_set_state(device->boot, device_slot(device, 'B'), false, NULL));
	assert_block(device, "ORDER=A B\nA_OK=1\nA_TRY=0\nA_LEFT=0\nA_COMMIT=2\n"
	                     "B_OK=0\nB_TRY=0\nB_LEFT=0\nB_COMMIT=0\n");
	g_assert_true(boot_set_state(device->boot, device_slot(device, 'A'), true, NULL));
	assert_block(device, "ORDER=A B\nA_OK=1\nA_TRY=0\nA_LEFT=0\nA_COMMIT=1\n"
	                     "B_OK=0\nB_TRY=0\nB_LEFT=0\nB_COMMIT=0\n");
	device_free(device);
}

static void assert_spare(Device *device, const char *variables)
{
	g_autofree char *path = g_strconcat(device->path, ".spare", NULL);
	g_autofree char *expected = block_of(variables), *found = NULL;
	size_t size;

	g_assert_true(g_file_get_contents(path, &found, &size, NULL));
	g_assert_cmpmem(found, size, expected, GRUBENV_SIZE);
}

static void write_spare(Device *device, const char *variables)
{
	g_autofree char *path = g_strconcat(device->path, ".spare", NULL);
	g_autofree char *block = block_of(variables);

	g_assert_true(g_file_set_contents(path, block, GRUBENV_SIZE, NULL));
}

/* What decides is in the spare as well, and what the block loses comes back from there. */
static void test_spare(void)
{
	static const char *const lost[] = { "", HEADER "ORDER=\xa5\nA_OK=\xa5\nB_OK=", "noise" };
	Device *device = device_with("ORDER=A B\nA_OK=1\nA_TRY=0\nA_LEFT=0\nA_COMMIT=1\n");
	g_autofree char *spare = g_strconcat(device->path, ".spare", NULL);

	g_assert_true(boot_set_state(device->boot, device_slot(device, 'B'), false, NULL));
	g_assert_false(g_file_test(spare, G_FILE_TEST_EXISTS));
	write_spare(device, "spare_used=1\nA_TRY=1\nB_TRY=1\n");
	g_assert_true(boot_set_state(device->boot, device_slot(device, 'A'), true, NULL));
	assert_spare(device, "spare_used=0\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=0\nB_TRY=0\n");
	g_assert_cmpstr(device->said->str, ==, "");

	for (unsigned i = 0; i < G_N_ELEMENTS(lost); i++) {
		g_assert_true(g_file_set_contents(device->path, lost[i], -1, NULL));
		g_assert_true(boot_set_state(device->boot, device_slot(device, 'A'), true, NULL));

		g_autofree char *state = state_of(device, 'B'), *primary = primary_of(device);
		g_assert_cmpstr(state, ==, "bad");
		g_assert_cmpstr(primary, ==, "A");
	}
	device_free(device);
}

/* A spare that cannot be written is worth a warning, and no failure. */
static void test_spare_in_trouble(void)
{
	Device *device = device_with("ORDER=A B\nA_OK=1\nA_TRY=0\n");
	g_autofree char *spare = g_strconcat(device->path, ".spare", NULL);

	g_assert_cmpint(g_mkdir(spare, 0755), ==, 0);
	g_assert_true(boot_set_primary(device->boot, device_slot(device, 'B'), NULL));
	g_assert_nonnull(
		strstr(device->said->str, "spare is not a regular file; what decides is "));
	g_assert_cmpint(g_rmdir(spare), ==, 0);

	g_string_truncate(device->said, 0);
	g_assert_true(g_file_set_contents(spare, "noise", -1, NULL));
	g_assert_true(boot_set_primary(device->boot, device_slot(device, 'A'), NULL));
	g_assert_nonnull(strstr(device->said->str, "spare has 5 bytes instead of 1024"));
	assert_spare(device, "spare_used=0\nORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n");
	device_free(device);
}

/* The same file, of the same size, and not even that when nothing changes. */
static void test_in_place(void)
{
	Device *device = device_with("ORDER=A B\nA_OK=1\nA_TRY=0\nA_LEFT=0\nA_COMMIT=1\n");
	const Slot *a = device_slot(device, 'A');
	struct stat before, after;

	g_assert_cmpint(g_chmod(device->path, 0600), ==, 0);
	g_assert_cmpint(stat(device->path, &before), ==, 0);
	g_assert_true(boot_set_state(device->boot, a, true, NULL));
	g_assert_cmpint(stat(device->path, &after), ==, 0);
	g_assert_cmpmem(&before.st_mtim, sizeof(before.st_mtim), &after.st_mtim,
	                sizeof(after.st_mtim));
	g_assert_true(boot_set_state(device->boot, a, false, NULL));
	g_assert_cmpint(stat(device->path, &after), ==, 0);
	g_assert_cmpint(before.st_ino, ==, after.st_ino);
	g_assert_cmpint(before.st_size, ==, after.st_size);
	g_assert_cmpint(before.st_mode, ==, after.st_mode);
	device_free(device);
}

static const struct {
	const char *what, *kept; /* variables that survive */
	const char *bytes;       /* NULL: no file */
	size_t size;
	char filler;
	const char *damage;
} damages[] = {
	{ "missing", "", NULL, 0, 0, "does not exist" },
	{ "empty", "", "", 0, 0, "has 0 bytes instead of 1024" },
	{ "zeros", "", "", 1024, '\0', "has no GRUB header" },
	{ "ones", "", "", 1024, '\xff', "has no GRUB header" },
	{ "no header", "ORDER=A B\nB_OK=1\n", "ORDER=A B\nB_OK=1\n", 1024, '#',
	  "has no GRUB header" },
	{ "short", "ORDER=A B\n", HEADER "ORDER=A B\nB_OK=", 40, '#',
	  "has 40 bytes instead of 1024" },
	{ "second sector lost", "x=y\n", HEADER "x=y\n", 1024, '\0',
	  "has an incomplete line at byte 29" },
	{ "long", "x=y\n", HEADER "x=y\n", 3000, '\0', "has an incomplete line at byte 29" },
};

static void write_damage(Device *device, unsigned i)
{
	g_autofree char *bytes = g_malloc(damages[i].size + 1);

	if (!damages[i].bytes)
		return;
	memset(bytes, damages[i].filler, damages[i].size);
	memcpy(bytes, damages[i].bytes, MIN(strlen(damages[i].bytes), damages[i].size));
	g_assert_true(g_file_set_contents(device->path, bytes, (gssize)damages[i].size, NULL));
}

static void test_damage(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(damages); i++) {
		Device *device = device_new(BOOTLOADER_GRUB);
		g_autofree char *warned = g_strdup_printf("GRUB environment %s %s\n", device->path,
		                                          damages[i].damage);
		g_autofree char *primary = NULL, *found = NULL;
		size_t size;

		write_damage(device, i);
		primary = primary_of(device);
		g_assert_cmpstr(device->said->str, ==, warned);
		g_assert_cmpint(g_file_test(device->path, G_FILE_TEST_EXISTS), ==,
		                damages[i].bytes != NULL);

		g_assert_true(boot_set_state(device->boot, device_slot(device, 'A'), true, NULL));
		g_assert_nonnull(strstr(device->said->str, "is repaired\n"));
		g_string_truncate(device->said, 0);
		g_assert_true(boot_set_primary(device->boot, device_slot(device, 'A'), NULL));
		g_assert_cmpstr(device->said->str, ==, "");

		g_assert_true(g_file_get_contents(device->path, &found, &size, NULL));
		g_autoptr(Grubenv) env = grubenv_parse(found, size);
		g_autofree char *b = grubenv_get(env, "B_OK"), *x = grubenv_get(env, "x");
		g_assert_null(env->damage);
		g_assert_cmpint(size, ==, MAX(damages[i].size, GRUBENV_SIZE));
		g_assert_cmpint(b != NULL, ==, strstr(damages[i].kept, "B_OK") != NULL);
		g_assert_cmpint(x != NULL, ==, strstr(damages[i].kept, "x=y") != NULL);
		g_free(primary);
		primary = primary_of(device);
		g_assert_cmpstr(primary, ==, "A");
		device_free(device);
	}
}

/* Other tools' variables make room; boot names that never fit are said so. */
static void test_full(void)
{
	g_autofree char *junk = g_strnfill(GRUBENV_SIZE - strlen(HEADER "B_OK=1\njunk=\n"), 'j');
	g_autofree char *env = g_strdup_printf("B_OK=1\njunk=%s\n", junk);
	Device *device = device_with(env);
	g_autofree char *endless = g_strnfill(GRUBENV_SIZE, 'e');
	Slot impossible = { .name = (char *)"x.0", .boot_name = endless };
	g_autoptr(GError) error = NULL;

	g_assert_true(boot_set_primary(device->boot, device_slot(device, 'A'), NULL));
	assert_block(device, "B_OK=1\nA_OK=1\nA_TRY=0\nA_LEFT=3\nA_COMMIT=0\nORDER=A B\n");
	g_assert_nonnull(strstr(device->said->str, "is full: removing other variables"));

	g_assert_false(boot_set_primary(device->boot, &impossible, &error));
	g_assert_error(error, FAILURE, FAILURE_CONFIG);
	assert_block(device, "B_OK=1\nA_OK=1\nA_TRY=0\nA_LEFT=3\nA_COMMIT=0\nORDER=A B\n");
	device_free(device);
}

static void test_wrong_file(void)
{
	Device *device = device_new(BOOTLOADER_GRUB);
	g_autofree char *large = g_malloc0(65537);
	g_autoptr(GError) folder = NULL, pipe = NULL, size = NULL, nowhere = NULL;

	g_assert_cmpint(g_mkdir(device->path, 0755), ==, 0);
	g_assert_null(boot_get_primary(device->boot, &folder));
	g_assert_error(folder, FAILURE, FAILURE_FORMAT);
	g_assert_cmpint(g_rmdir(device->path), ==, 0);

	g_assert_cmpint(mkfifo(device->path, 0644), ==, 0);
	g_assert_false(boot_set_primary(device->boot, device_slot(device, 'A'), &pipe));
	g_assert_error(pipe, FAILURE, FAILURE_FORMAT);
	g_assert_cmpint(g_unlink(device->path), ==, 0);

	g_assert_true(g_file_set_contents(device->path, large, 65537, NULL));
	g_assert_false(boot_set_state(device->boot, device_slot(device, 'A'), true, &size));
	g_assert_nonnull(strstr(size->message, "does grubenv= name the right file?"));

	device->config.grubenv = (char *)"/nowhere/at/all/grubenv";
	g_assert_false(boot_set_state(device->boot, device_slot(device, 'A'), true, &nowhere));
	g_assert_cmpstr(
		nowhere->message, ==,
		"grub backend: cannot create a file beside /nowhere/at/all/grubenv: No such file or directory");
	device_free(device);
}

#define SLOTS(order, a_ok, a_left, a_commit, b_ok, b_left, b_commit)                     \
	"ORDER=" order "\nA_OK=" a_ok "\nA_TRY=0\nA_LEFT=" a_left "\nA_COMMIT=" a_commit \
	"\nB_OK=" b_ok "\nB_TRY=0\nB_LEFT=" b_left "\nB_COMMIT=" b_commit "\n"

/* The changes of an update's life. */
static const char *const torn[][2] = {
	{ SLOTS("A B", "1", "0", "1", "1", "0", "2"), SLOTS("A B", "1", "0", "1", "0", "0", "0") },
	{ SLOTS("A B", "1", "0", "1", "0", "0", "0"), SLOTS("B A", "1", "0", "2", "1", "3", "0") },
	{ SLOTS("B A", "1", "0", "2", "1", "2", "0"), SLOTS("B A", "1", "0", "2", "1", "0", "1") },
	{ SLOTS("B A", "1", "0", "2", "1", "0", "1"), SLOTS("A B", "1", "3", "0", "1", "0", "2") },
};

/* Every variable is what it was or what it shall be; but for ORDER, whose names may be torn apart. */
static void assert_old_or_new(const char *block, const char *old_block, const char *new_block)
{
	static const char *const names[] = { "A_OK", "A_TRY", "A_LEFT", "A_COMMIT",
		                             "B_OK", "B_TRY", "B_LEFT", "B_COMMIT" };
	g_autoptr(Grubenv) env = grubenv_parse(block, GRUBENV_SIZE);
	g_autoptr(Grubenv) old_env = grubenv_parse(old_block, GRUBENV_SIZE);
	g_autoptr(Grubenv) new_env = grubenv_parse(new_block, GRUBENV_SIZE);
	g_autofree char *order = grubenv_get(env, "ORDER");

	g_assert_null(env->damage);
	g_assert_true(g_regex_match_simple("^[AB] [AB]$", order, 0, 0));
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *is = grubenv_get(env, names[i]);
		g_autofree char *was = grubenv_get(old_env, names[i]);
		g_autofree char *will = grubenv_get(new_env, names[i]);

		g_assert_true(g_str_equal(is, was) || g_str_equal(is, will));
	}
}

/*
 * Power lost inside the one write: whatever part of the new block arrived, from the
 * front or from the back, GRUB finds a sound block, every variable old or new. All that
 * decides lies in the first sector, which most media write whole or not at all.
 */
static void test_torn(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(torn); i++) {
		g_autofree char *was = block_of(torn[i][0]), *will = block_of(torn[i][1]);

		g_assert_cmpuint(strlen(torn[i][0]), ==, strlen(torn[i][1]));
		g_assert_cmpuint(strlen(HEADER) + strlen(torn[i][0]), <, 512);
		for (size_t cut = 0; cut <= GRUBENV_SIZE; cut++) {
			g_autofree char *front = g_memdup2(was, GRUBENV_SIZE);
			g_autofree char *back = g_memdup2(will, GRUBENV_SIZE);

			memcpy(front, will, cut);
			memcpy(back, was, cut);
			assert_old_or_new(front, was, will);
			assert_old_or_new(back, was, will);
		}
	}
}

/* What those changes are: the backend itself, from one to the other. */
static void test_life(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(torn); i++) {
		Device *device = device_with(torn[i][0]);
		const Slot *a = device_slot(device, 'A'), *b = device_slot(device, 'B');

		g_assert_true(i == 0   ? boot_set_state(device->boot, b, false, NULL)
		              : i == 1 ? boot_set_primary(device->boot, b, NULL)
		              : i == 2 ? boot_set_state(device->boot, b, true, NULL)
		                       : boot_set_primary(device->boot, a, NULL));
		assert_block(device, torn[i][1]);
		device_free(device);
	}
}

static bool has_judge(void)
{
	g_autofree char *judge = g_find_program_in_path("grub-editenv");

	if (!judge)
		g_test_skip("grub-editenv is not installed");
	return judge;
}

static void test_we_write_they_read(void)
{
	Device *device = device_new(BOOTLOADER_GRUB);

	if (has_judge()) {
		g_assert_true(boot_set_state(device->boot, device_slot(device, 'A'), true, NULL));
		g_assert_true(boot_set_primary(device->boot, device_slot(device, 'B'), NULL));
		g_assert_true(
			process_run(NULL, "grub-editenv", device->path, "set", "x=a\\b", NULL));

		g_autofree char *list =
			process_capture(NULL, "grub-editenv", device->path, "list", NULL);
		g_assert_cmpstr(list, ==,
		                "A_OK=1\nA_TRY=0\nA_LEFT=0\nA_COMMIT=2\nB_OK=1\nB_TRY=0\n"
		                "B_LEFT=3\nB_COMMIT=0\n"
		                "ORDER=B A\nx=a\\b");
	}
	device_free(device);
}

static void test_they_write_we_read(void)
{
	Device *device = device_new(BOOTLOADER_GRUB);

	if (has_judge()) {
		g_assert_true(process_run(NULL, "grub-editenv", device->path, "create", NULL));
		g_assert_true(process_run(NULL, "grub-editenv", device->path, "set", "ORDER=B A",
		                          "x=1\\\n2", "A_OK=1", "A_TRY=0", "B_OK=1", "B_TRY=1",
		                          NULL));

		g_autofree char *a = state_of(device, 'A'), *b = state_of(device, 'B');
		g_autofree char *primary = primary_of(device);
		g_assert_cmpstr(a, ==, "good");
		g_assert_cmpstr(b, ==, "bad");
		g_assert_cmpstr(primary, ==, "A");
		g_assert_cmpstr(device->said->str, ==, "");
	}
	device_free(device);
}

/* The same changes through both give the same bytes. */
static void test_byte_for_byte(void)
{
	static const char *const names[] = { "ORDER", "A_OK", "B_TRY", "x" };
	static const char *const parts[] = { "",  "1", "\\",  "\n",         "#",
		                             "=", " ", "A B", "long enough" };
	Device *device = device_new(BOOTLOADER_GRUB);
	g_autoptr(GRand) rand = g_rand_new_with_seed(4);
	g_autoptr(Grubenv) env = NULL;

	if (has_judge()) {
		g_autofree char *fresh = NULL;
		size_t size;

		g_assert_true(process_run(NULL, "grub-editenv", device->path, "create", NULL));
		g_assert_true(g_file_get_contents(device->path, &fresh, &size, NULL));
		env = grubenv_parse(fresh, size);
		g_assert_null(env->damage);
	}
	for (unsigned round = 0; env && round < 60; round++) {
		const char *name = names[g_rand_int_range(rand, 0, G_N_ELEMENTS(names))];
		g_autofree char *value =
			g_strconcat(parts[g_rand_int_range(rand, 0, G_N_ELEMENTS(parts))],
		                    parts[g_rand_int_range(rand, 0, G_N_ELEMENTS(parts))], NULL);
		g_autofree char *both = g_strconcat(name, "=", value, NULL), *theirs = NULL;
		size_t size;

		g_assert_true(grubenv_set(env, name, value));
		g_assert_true(process_run(NULL, "grub-editenv", device->path, "set", both, NULL));
		g_assert_true(g_file_get_contents(device->path, &theirs, &size, NULL));
		g_assert_cmpmem(env->bytes, env->size, theirs, size);
	}
	device_free(device);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/grub/states", test_states);
	g_test_add_func("/boot/grub/changes", test_changes);
	g_test_add_func("/boot/grub/commitments", test_commitments);
	g_test_add_func("/boot/grub/spare", test_spare);
	g_test_add_func("/boot/grub/spare-in-trouble", test_spare_in_trouble);
	g_test_add_func("/boot/grub/in-place", test_in_place);
	g_test_add_func("/boot/grub/damage", test_damage);
	g_test_add_func("/boot/grub/full", test_full);
	g_test_add_func("/boot/grub/wrong-file", test_wrong_file);
	g_test_add_func("/boot/grub/torn", test_torn);
	g_test_add_func("/boot/grub/life", test_life);
	g_test_add_func("/boot/grub/we-write-they-read", test_we_write_they_read);
	g_test_add_func("/boot/grub/they-write-we-read", test_they_write_we_read);
	g_test_add_func("/boot/grub/byte-for-byte", test_byte_for_byte);
	return g_test_run();
}
