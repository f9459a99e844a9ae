/* SPDX-License-Identifier: MIT */

/* Whole installations with hooks and handlers: what ran, in which order, and what a "no" of
 * each of them leaves behind. */

#include "install/hook.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/file.h"
#include "bundle/maker.h"
#include "system/device.h"

#define HEAD "[update]\ncompatible=Test\nversion=1\n[bundle]\nformat=verity\n"

static Maker *maker;
static char *trace; /* file every program appends to */

static const struct {
	const char *manifest;   /* behind HEAD */
	const char *hook;       /* the shell program after the trace line, NULL: no hook file */
	const char *pre, *post; /* system handlers, NULL: none */
	const char *traced;     /* words the programs were called with */
	const char *why;        /* NULL: installed */
	const char *b_ok;       /* afterwards; it was 1 */
} rows[] = {
	{ "[hooks]\nfilename=hook\nhooks=install-check\n[image.rootfs]\nfilename=rootfs.img\n", "",
	  NULL, NULL, "install-check\n", NULL, "1" },
	{ "[hooks]\nfilename=hook\nhooks=install-check\n[image.rootfs]\nfilename=rootfs.img\n",
	  "echo one >&2; echo not today >&2; exit 10", NULL, NULL, "install-check\n",
	  "Bundle rejected: Hook returned: 'not today'", "1" },
	{ "[hooks]\nfilename=hook\nhooks=install-check\n[image.rootfs]\nfilename=rootfs.img\n",
	  "exit 9", NULL, NULL, "install-check\n",
	  "Install-check hook failed: failed to run bundle hook: Child process exited with code 9",
	  "1" },
	{ "[hooks]\nfilename=hook\nhooks=install-check\n[image.rootfs]\nfilename=rootfs.img\n",
	  "sleep 60", NULL, NULL, "install-check\n", "did not end within 2 s", "1" },
	{ "[hooks]\nfilename=hook\n[image.rootfs]\nfilename=rootfs.img\nhooks=pre-install;post-install\n",
	  "", "pre", "post", "pre\nslot-pre-install\nslot-post-install\npost\n", NULL, "1" },
	{ "[hooks]\nfilename=hook\n[image.rootfs]\nfilename=rootfs.img\nhooks=pre-install\n",
	  "echo broken pump >&2; exit 1", NULL, NULL, "slot-pre-install\n",
	  "failed to run slot hook: Child process exited with code 1 (slot-pre-install: broken pump)",
	  "0" },
	{ "[hooks]\nfilename=hook\n[image.rootfs]\nfilename=rootfs.img\nhooks=post-install\n",
	  "exit 1", NULL, NULL, "slot-post-install\n",
	  "failed to run slot hook: Child process exited with code 1 (slot-post-install)", "0" },
	{ "[hooks]\nfilename=hook\n[image.rootfs]\nhooks=install\n",
	  "echo by hook > \"$RAUC_SLOT_DEVICE\"", NULL, NULL, "slot-install\n", NULL, "1" },
	{ "[handler]\nfilename=hook\nargs=--fast 'a b'\n[image.rootfs]\nfilename=rootfs.img\n", "",
	  NULL, "post", "--fast a b\npost\n", NULL, "1" },
	{ "[handler]\nfilename=hook\n[image.rootfs]\nfilename=rootfs.img\n", "exit 5", NULL, "post",
	  "\n", "hook: Child process exited with code 5", "1" },
	{ "[image.rootfs]\nfilename=rootfs.img\n", NULL, "pre", NULL, "pre\n", NULL, "1" },
	{ "[image.rootfs]\nfilename=rootfs.img\n", NULL, "false", NULL, "",
	  "Pre-install handler error: ", "1" },
};

static void write_program(const char *program, const char *text)
{
	g_autofree char *script = g_strdup_printf("#!/bin/sh\n%s\n", text);

	g_assert_true(file_replace(program, script, strlen(script), 0755, NULL));
}

static char *make_bundle(unsigned i)
{
	g_autofree char *manifest = g_strconcat(HEAD, rows[i].manifest, NULL);
	g_autofree char *content = maker_content(maker, "in", manifest);
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 50000, i);
	g_autofree char *name = g_strdup_printf("%u.raucb", i);
	g_autofree char *hook = g_build_filename(content, "hook", NULL);
	g_autoptr(GError) error = NULL;

	if (rows[i].hook) {
		g_autofree char *text =
			g_strdup_printf("echo \"$*\" >> %s\n%s", trace, rows[i].hook);

		write_program(hook, text);
	}
	char *path = maker_bundle(maker, content, name, &error);
	g_assert_no_error(error);
	return path;
}

/* Lines for system.conf: a handler is a program of that name that notes its name. */
static char *handlers(const Device *device, unsigned i)
{
	const char *const names[] = { rows[i].pre, rows[i].post };
	const char *const keys[] = { "pre-install", "post-install" };
	GString *lines = g_string_new(NULL);

	g_string_append_printf(lines, "mountprefix=%s/mnt\n[handlers]\ntimeout-sec=2\n",
	                       device->folder);
	for (unsigned n = 0; n < 2; n++) {
		if (!names[n])
			continue;
		g_autofree char *program = g_build_filename(device->folder, names[n], NULL);
		g_autofree char *text = g_strdup_printf("echo %s >> %s", names[n], trace);

		write_program(program, g_str_equal(names[n], "false") ? "exit 1" : text);
		g_string_append_printf(lines, "%s=%s\n", keys[n], program);
	}
	return g_string_free(lines, FALSE);
}

static void test_rows(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(Device) device = device_new();
		g_autofree char *path = make_bundle(i);
		g_autofree char *extra = handlers(device, i);
		g_autofree char *mounts = g_build_filename(device->folder, "mnt", "bundle", NULL);
		g_autoptr(GError) error = NULL;
		g_autofree char *traced = NULL;

		device_set_env(device, "ORDER=A B\nA_OK=1\nA_TRY=0\nB_OK=1\nB_TRY=0\n");
		g_assert_true(g_file_set_contents(trace, "", 0, NULL));
		g_autoptr(System) system = device_open(device, maker->cert, extra, &error);
		g_assert_no_error(error);
		InstallRequest request = { .bundle = path };
		InstallEvents events = { 0 };
		bool ok = install_run(system, &request, &events, &error);

		g_assert_true(g_file_get_contents(trace, &traced, NULL, NULL));
		if (g_strcmp0(traced, rows[i].traced) != 0)
			g_error("row %u: ran '%s' (%s)", i, traced, error ? error->message : "ok");
		g_assert_true(ok == !rows[i].why);
		if (!ok && !strstr(error->message, rows[i].why))
			g_error("row %u: %s", i, error->message);
		g_autofree char *b_ok = device_env(device, "B_OK");
		g_assert_cmpstr(b_ok, ==, rows[i].b_ok);
		g_assert_false(g_file_test(mounts, G_FILE_TEST_EXISTS));
	}
}

static void take_message(void *user, const char *text)
{
	g_string_append_printf(user, "%s\n", text);
}

static void test_handler_says(void)
{
	g_autoptr(Device) device = device_new();
	g_autofree char *program = g_build_filename(device->folder, "handler", NULL);
	g_autofree char *path = maker_path(maker, "0.raucb"); /* of the first row */
	g_autoptr(System) system = device_open(device, maker->cert, NULL, NULL);
	g_autoptr(Bundle) bundle = maker_open(maker, path, NULL);
	g_autoptr(GPtrArray) target = system_pick_target(system);
	g_autoptr(GString) said = g_string_new(NULL);
	EnvironmentFacts facts = { system, bundle, device->folder, "id" };
	InstallEvents events = { .message = take_message, .user = said };

	write_program(
		program,
		"echo '<< handler begun'; echo '<< image rootfs ok'; echo '<< bootloader ok'\n"
		"echo '<< error no more paper'; echo '<< debug 1'; echo '<< wat 1'; echo '<< '\n"
		"echo '<< image x'; echo plain");
	g_assert_true(hook_run_handler(&facts, target, program, NULL, &events, NULL));
	g_assert_cmpstr(said->str, ==,
	                "Handler status: begun\nImage 'rootfs' status: ok\nBootloader status: ok\n"
	                "Error: no more paper\nDebug: 1\nUnknown handler output: << wat 1\n"
	                "Unknown handler output: << \nUnknown handler output: << image x\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	trace = maker_path(maker, "trace");
	g_test_add_func("/install/hook/rows", test_rows);
	g_test_add_func("/install/hook/handler-says", test_handler_says);
	int result = g_test_run();
	g_free(trace);
	maker_free(maker);
	return result;
}
