/* SPDX-License-Identifier: MIT */

/*
 * boot/barebox.c with a stand-in for barebox-state: the real one finds its
 * backend by the device of a device tree node, which no machine without
 * barebox has. The stand-in keeps the variables in a file and refuses what the
 * real one refuses: unknown options and unknown variables.
 */

#include "device.h"

#include <sys/stat.h>

static const char standin[] =
	"#!/bin/sh\n"
	"state='%s/vars'\n"
	"echo \"$*\" >> '%s/calls'\n"
	"while [ $# -gt 0 ]; do\n"
	"\tcase $1 in\n"
	"\t-n) [ \"$2\" = ${NAME:-none} ] || { echo \"no state $2\" >&2; exit 1; };;\n"
	"\t-i) :;;\n"
	"\t-g) grep -q \"^$2=\" $state || { echo \"no such variable: $2\" >&2; exit 1; }\n"
	"\t    sed -n \"s/^$2=//p\" $state;;\n"
	"\t-s) grep -q \"^${2%%=*}=\" $state || { echo 'no such variable' >&2; exit 1; }\n"
	"\t    sed -i \"s/^${2%%=*}=.*/$2/\" $state;;\n"
	"\t*) echo \"unknown option $1\" >&2; exit 1;;\n"
	"\tesac\n"
	"\tshift 2\n"
	"done\n";

static char *path;

static char *vars(int a, int a_left, int b, int b_left)
{
	return g_strdup_printf("bootstate.A.priority=%d\nbootstate.A.remaining_attempts=%d\n"
	                       "bootstate.B.priority=%d\nbootstate.B.remaining_attempts=%d\n",
	                       a, a_left, b, b_left);
}

static void put(const Device *device, const char *name, const char *text)
{
	g_autofree char *file = g_build_filename(device->folder, name, NULL);

	g_assert_true(g_file_set_contents(file, text, -1, NULL));
	g_assert_cmpint(g_chmod(file, 0755), ==, 0);
}

static char *get(const Device *device, const char *name)
{
	g_autofree char *file = g_build_filename(device->folder, name, NULL);
	char *text = NULL;

	return g_file_get_contents(file, &text, NULL, NULL) ? text : g_strdup("");
}

static Device *barebox_new(int a, int a_left, int b, int b_left)
{
	Device *device = device_new(BOOTLOADER_BAREBOX);
	g_autofree char *script = g_strdup_printf(standin, device->folder, device->folder);
	g_autofree char *text = vars(a, a_left, b, b_left);
	g_autofree char *where = g_strconcat(device->folder, ":", path, NULL);

	put(device, "barebox-state", script);
	put(device, "vars", text);
	g_setenv("PATH", where, TRUE);
	return device;
}

static void assert_vars(const Device *device, int a, int a_left, int b, int b_left)
{
	g_autofree char *text = get(device, "vars"), *wanted = vars(a, a_left, b, b_left);

	g_assert_cmpstr(text, ==, wanted);
}

static void test_calls(void)
{
	Device *device = barebox_new(20, 3, 10, 3);
	bool good;

	g_setenv("NAME", "mystate", TRUE);
	device->config.barebox_statename = (char *)"mystate";
	device->config.barebox_dtbpath = (char *)"/boot/x.dtb";
	g_assert_true(boot_get_state(device->boot, device_slot(device, 'A'), &good, NULL));
	g_assert_true(good);
	g_assert_true(boot_set_state(device->boot, device_slot(device, 'B'), false, NULL));
	g_unsetenv("NAME");
	g_autofree char *calls = get(device, "calls");
	g_assert_cmpstr(calls, ==,
	                "-n mystate -g bootstate.A.priority -g bootstate.A.remaining_attempts "
	                "-i /boot/x.dtb\n"
	                "-n mystate -g bootstate.B.priority -g bootstate.B.remaining_attempts "
	                "-i /boot/x.dtb\n"
	                "-n mystate -s bootstate.B.priority=0 -s bootstate.B.remaining_attempts=0 "
	                "-i /boot/x.dtb\n");
	assert_vars(device, 20, 3, 0, 0);
	device_free(device);
}

static const struct {
	int before[4];
	char slot;
	const char *what;
	int after[4], n_writes;
} changes[] = {
	{ { 20, 3, 10, 3 }, 'A', "good", { 20, 3, 10, 3 }, 0 },
	{ { 20, 1, 10, 3 }, 'A', "good", { 20, 3, 10, 3 }, 1 },
	{ { 20, 3, 0, 0 }, 'B', "good", { 20, 3, 0, 3 }, 1 },
	{ { 20, 3, 10, 3 }, 'B', "bad", { 20, 3, 0, 0 }, 1 },
	{ { 20, 3, 0, 0 }, 'B', "bad", { 20, 3, 0, 0 }, 0 },
	{ { 20, 3, 0, 0 }, 'B', "active", { 10, 3, 20, 3 }, 1 },
	{ { 0, 0, 0, 0 }, 'B', "active", { 0, 0, 20, 3 }, 1 },
	{ { 5, 1, 20, 1 }, 'A', "active", { 20, 3, 10, 1 }, 1 },
	{ { 20, 3, 10, 1 }, 'A', "active", { 20, 3, 10, 1 }, 0 },
};

static void test_changes(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++) {
		const int *was = changes[i].before, *is = changes[i].after;
		Device *device = barebox_new(was[0], was[1], was[2], was[3]);
		const Slot *slot = device_slot(device, changes[i].slot);
		bool is_good = g_str_equal(changes[i].what, "good");
		int n_writes = 0;

		if (g_str_equal(changes[i].what, "active"))
			g_assert_true(boot_set_primary(device->boot, slot, NULL));
		else
			g_assert_true(boot_set_state(device->boot, slot, is_good, NULL));
		assert_vars(device, is[0], is[1], is[2], is[3]);

		g_autofree char *calls = get(device, "calls");
		g_auto(GStrv) lines = g_strsplit(calls, "\n", -1);
		for (char **line = lines; *line; line++)
			n_writes += strstr(*line, "-s ") != NULL;
		g_assert_cmpint(n_writes, ==, changes[i].n_writes);
		device_free(device);
	}
}

static void test_attempts(void)
{
	Device *device = barebox_new(20, 3, 10, 3);

	device->config.boot_attempts = 7;
	device->config.boot_attempts_primary = 2;
	g_assert_true(boot_set_state(device->boot, device_slot(device, 'A'), true, NULL));
	g_assert_true(boot_set_primary(device->boot, device_slot(device, 'B'), NULL));
	assert_vars(device, 10, 7, 20, 2);
	device_free(device);
}

static const struct {
	int state[4];
	char primary; /* 0: none */
	bool a, b;
} states[] = {
	{ { 20, 3, 10, 3 }, 'A', true, true },  { { 10, 3, 20, 3 }, 'B', true, true },
	{ { 20, 0, 10, 1 }, 'B', false, true }, { { 20, 3, 20, 3 }, 'A', true, true },
	{ { 0, 3, 0, 3 }, 0, false, false },    { { 0, 3, 1, 1 }, 'B', false, true },
	{ { 20, 0, 10, 0 }, 0, false, false },
};

static void test_states(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
		const int *state = states[i].state;
		Device *device = barebox_new(state[0], state[1], state[2], state[3]);
		g_autoptr(GError) error = NULL;
		const Slot *slot = boot_get_primary(device->boot, &error);
		bool a, b;

		g_assert_cmpint(slot ? *slot->boot_name : 0, ==, states[i].primary);
		if (!slot)
			g_assert_cmpstr(error->message, ==,
			                "barebox backend: Unable to obtain primary element");
		g_assert_true(boot_get_state(device->boot, device_slot(device, 'A'), &a, NULL));
		g_assert_true(boot_get_state(device->boot, device_slot(device, 'B'), &b, NULL));
		g_assert_cmpint(a, ==, states[i].a);
		g_assert_cmpint(b, ==, states[i].b);
		device_free(device);
	}
}

static const struct {
	const char *script, *complaint;
} refusals[] = {
	{ "#!/bin/sh\necho no device >&2\nexit 1\n", "no device" },
	{ "#!/bin/sh\nexit 0\n", "not two numbers" },
	{ "#!/bin/sh\necho 1\n", "not two numbers" },
	{ "#!/bin/sh\necho 1; echo x\n", "not two numbers" },
	{ "#!/bin/sh\necho 1; echo -2\n", "not two numbers" },
	{ "#!/bin/sh\necho 1; echo 99999999999999999999\n", "not two numbers" },
	{ "#!/bin/sh\necho 1; echo 2; echo 3\n", "not two numbers" },
};

static void test_refusals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
		Device *device = barebox_new(20, 3, 10, 3);
		g_autoptr(GError) error = NULL, other = NULL;
		bool good;

		put(device, "barebox-state", refusals[i].script);
		g_assert_false(
			boot_get_state(device->boot, device_slot(device, 'A'), &good, &error));
		g_assert_true(g_str_has_prefix(error->message, "barebox backend: "));
		g_assert_nonnull(strstr(error->message, refusals[i].complaint));
		g_assert_null(boot_get_primary(device->boot, &other));
		g_assert_nonnull(strstr(other->message, "Unable to obtain primary element: "));
		device_free(device);
	}
}

/* A state that can be written but not read is written anew: it stands in no way. */
static void test_repair(void)
{
	Device *device = barebox_new(20, 3, 10, 3);

	put(device, "barebox-state",
	    "#!/bin/sh\ncase $* in *-g*) exit 1;; esac\necho \"$*\" > \"${0%/*}/written\"\n");
	g_assert_true(boot_set_primary(device->boot, device_slot(device, 'B'), NULL));
	g_autofree char *written = get(device, "written");
	g_assert_cmpstr(written, ==,
	                "-s bootstate.A.priority=10 -s bootstate.B.priority=20 "
	                "-s bootstate.B.remaining_attempts=3\n");
	g_assert_nonnull(strstr(device->said->str, "is written anew"));
	device_free(device);
}

static void test_current(void)
{
	Device *device = barebox_new(20, 3, 10, 3);

	g_setenv("RAUC_TEST_CMDLINE", "quiet bootstate.active=B", TRUE);
	g_autofree char *current = boot_get_current(device->boot, NULL);
	g_assert_cmpstr(current, ==, "B");
	g_setenv("RAUC_TEST_CMDLINE", "quiet", TRUE);
	g_assert_null(boot_get_current(device->boot, NULL));
	g_unsetenv("RAUC_TEST_CMDLINE");
	device_free(device);
}

/* The stand-in takes nothing that the real program does not. */
static void test_real_options(void)
{
	g_autofree char *program = NULL, *help = NULL;

	g_setenv("PATH", path, TRUE);
	program = g_find_program_in_path("barebox-state");
	if (!program) {
		g_test_skip("barebox-state is not installed (Debian: dt-utils)");
		return;
	}
	g_autofree char *line = g_strconcat(program, " --help", NULL);
	g_assert_true(g_spawn_command_line_sync(line, &help, NULL, NULL, NULL));
	g_assert_nonnull(strstr(help, "-g, --get <variable>"));
	g_assert_nonnull(strstr(help, "-s, --set <variable>=<value>"));
	g_assert_nonnull(strstr(help, "-n, --name <name>"));
	g_assert_nonnull(strstr(help, "-i, --input <name>"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	path = g_strdup(g_getenv("PATH"));
	g_test_add_func("/boot/barebox/calls", test_calls);
	g_test_add_func("/boot/barebox/changes", test_changes);
	g_test_add_func("/boot/barebox/attempts", test_attempts);
	g_test_add_func("/boot/barebox/states", test_states);
	g_test_add_func("/boot/barebox/refusals", test_refusals);
	g_test_add_func("/boot/barebox/repair", test_repair);
	g_test_add_func("/boot/barebox/current", test_current);
	g_test_add_func("/boot/barebox/real-options", test_real_options);
	int failed = g_test_run();

	g_free(path);
	return failed;
}
