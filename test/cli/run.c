/* SPDX-License-Identifier: MIT */

#include "run.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/file.h"

static char *sources, *folder;

static void spawn(char **argv, Run *run)
{
	g_autoptr(GError) error = NULL;
	int status;

	g_spawn_sync(NULL, argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, &run->out, &run->err,
	             &status, &error);
	g_assert_no_error(error);
	run->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	g_test_message("%s -> %d\n%s%s", argv[1], run->code, run->out, run->err);
}

/* That there is no service is said in every line that could be the service's. */
static void forget_note(Run *run)
{
	const char *end = " working in this process\n", *at = strstr(run->err, end);

	run->is_direct = g_str_has_prefix(run->err, "no system bus here (") && at;
	if (run->is_direct) {
		char *rest = g_strdup(at + strlen(end));

		g_free(run->err);
		run->err = rest;
	}
}

Run run_rauc(const char *format, ...)
{
	g_auto(GStrv) argv = NULL;
	Run run = { 0 };
	va_list args;

	va_start(args, format);
	g_autofree char *words = g_strdup_vprintf(format, args);
	va_end(args);
	g_autofree char *line = g_strconcat("rauc ", words, NULL);
	g_assert_true(g_shell_parse_argv(line, NULL, &argv, NULL));
	g_free(argv[0]);
	argv[0] = g_strdup(g_getenv("RAUC"));
	spawn(argv, &run);
	forget_note(&run);
	return run;
}

void run_clear(Run *run)
{
	g_free(run->out);
	g_free(run->err);
}

void run_shell(const char *format, ...)
{
	g_auto(Run) run = { 0 };
	va_list args;

	va_start(args, format);
	g_autofree char *line = g_strdup_vprintf(format, args);
	va_end(args);
	char *argv[] = { "sh", "-ec", line, NULL };
	spawn(argv, &run);
	if (run.code != 0)
		g_error("%s\n-> %d\n%s%s", line, run.code, run.out, run.err);
}

/* A CA and a signer of our own: those of pki/demo are not for every build. */
static void make_keys(void)
{
	run_shell(
		"mkdir keys; cd keys; exec 2>log\n"
		"openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 3650 "
		"-subj '/O=Test Org/CN=CA'\n"
		"openssl req -newkey rsa:2048 -nodes -keyout signer.key -out signer.csr "
		"-subj '/O=Test Org/CN=Signer'\n"
		"printf 'keyUsage=digitalSignature\nextendedKeyUsage=codeSigning,emailProtection' "
		">leaf\n"
		"openssl x509 -req -in signer.csr -CA ca.pem -CAkey ca.key -set_serial 2 -days 3650 "
		"-extfile leaf -out signer.pem");
}

static void set_file(const char *name, const char *path)
{
	g_autofree char *whole = g_build_filename(folder, "keys", path, NULL);

	g_setenv(name, whole, TRUE);
}

void run_enter(void)
{
	sources = g_get_current_dir();
	folder = g_dir_make_tmp("rauc-cli-XXXXXX", NULL);
	g_assert_cmpint(g_chdir(folder), ==, 0);
	make_keys();
	set_file("CERT", "signer.pem");
	set_file("KEY", "signer.key");
	set_file("CA", "ca.pem");
	g_unsetenv("RAUC_KEY_PASSPHRASE");
	g_setenv("RAUC_TEST_RUNTIME_DIRECTORY", folder, TRUE);
	/* Whatever serves on this machine is left alone. */
	g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", TRUE);
	g_unsetenv("DBUS_STARTER_BUS_TYPE");
}

void run_leave(void)
{
	g_assert_cmpint(g_chdir(sources), ==, 0);
	g_assert_true(file_remove_tree(folder, NULL));
	g_free(folder);
	g_free(sources);
}

const char *run_sources(void)
{
	return sources;
}

void run_make_bundle(void)
{
	run_shell("mkdir in; printf hello > in/root.img; head -c 70000 /dev/urandom > in/app.img\n"
	          "cat > in/manifest.raucm <<'END'\n"
	          "[update]\ncompatible=Test Config\nversion=1.0\n\n"
	          "[bundle]\nformat=verity\n\n"
	          "[image.rootfs]\nfilename=root.img\n\n"
	          "[image.appfs]\nfilename=app.img\n\n"
	          "[meta.build]\nhost-name=one\n"
	          "END\n"
	          "\"$RAUC\" bundle --cert=\"$CERT\" --key=\"$KEY\" in good.raucb");
}

void run_assert_refused(const RunRefused *rows, unsigned n, const char *output)
{
	for (unsigned i = 0; i < n; i++) {
		g_auto(Run) run = run_rauc("%s", rows[i].line);

		if (run.code != 1 || !g_pattern_match_simple(rows[i].err, run.err))
			g_error("%s: %d %s%s", rows[i].line, run.code, run.out, run.err);
		g_assert_false(g_file_test(output, G_FILE_TEST_EXISTS));
	}
}

void run_assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		g_error("'%s' not found in:\n%s", part, text);
}
