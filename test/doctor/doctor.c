/* SPDX-License-Identifier: MIT */

#include "doctor/doctor.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "doctor/doctor_families.h"

static char *folder;

/* A file below the folder, which is made where it is missing. */
static void put(const char *name, const char *text)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *above = g_path_get_dirname(path);

	g_assert_true(file_make_folders(above, 0755, NULL));
	g_assert_true(file_replace(path, text, strlen(text), 0644, NULL));
}

static void put_link(const char *name, const char *target)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *above = g_path_get_dirname(path);

	g_assert_true(file_make_folders(above, 0755, NULL));
	g_assert_cmpint(symlink(target, path), ==, 0);
}

static void empty_folder(void)
{
	g_assert_true(file_remove_tree(folder, NULL));
	g_assert_true(file_make_folders(folder, 0755, NULL));
}

static void test_kinds(void)
{
	unsigned n;
	const DoctorKind *kinds = doctor_kinds(&n);

	g_assert_cmpuint(n, >, 70);
	for (unsigned i = 0; i < n; i++) {
		g_assert_true(doctor_kind(kinds[i].id) == &kinds[i]); /* each once */
		g_assert_true(*kinds[i].why && *kinds[i].fix);
		g_assert_nonnull(strchr(kinds[i].id, '.'));
		g_assert_cmpstr(doctor_severity_word(kinds[i].severity), !=, "");
	}
	g_assert_null(doctor_kind("config.nonsense"));
}

static const struct {
	const char *path, *real; /* below the folder */
} paths[] = {
	{ "/a/file", "/a/file" },
	{ "/absolute", "/a/file" },
	{ "/relative", "/a/file" },
	{ "/a/up", "/a/file" },
	{ "/out", "/etc/passwd" },
	{ "/folder/file", "/a/file" },
	{ "/missing/a/../b", "/missing/b" },
	{ "/", "" },
};

static void test_paths(void)
{
	Doctor doctor = { .root = folder }, here = { .root = (char *)"" };

	empty_folder();
	put("a/file", "x");
	put_link("absolute", "/a/file");
	put_link("relative", "a/./file");
	put_link("a/up", "../absolute");
	put_link("out", "../../../../../../../etc/passwd");
	put_link("folder", "/a");
	put_link("loop", "/loop");
	for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++) {
		g_autofree char *real = doctor_path(&doctor, paths[i].path);
		g_autofree char *expected = g_strconcat(folder, paths[i].real, NULL);

		g_assert_cmpstr(real, ==, expected);
		if (*paths[i].real)
			g_assert_cmpstr(doctor_name(&doctor, real), ==, paths[i].real);
	}
	g_autofree char *loop = doctor_path(&doctor, "/loop"),
			*same = doctor_path(&here, "/x/../y");
	g_assert_true(g_str_has_prefix(loop, folder));
	g_assert_cmpstr(same, ==, "/x/../y");
}

static void test_nothing_there(void)
{
	DoctorOptions options = { .root = folder };

	empty_folder();
	g_autoptr(Doctor) doctor = doctor_examine(&options);
	g_assert_false(doctor_is_live(doctor));
	g_assert_cmpuint(doctor_count(doctor, DOCTOR_ERROR), ==, 1);
	g_assert_true(doctor_has_found(doctor, "config.missing"));
	g_assert_cmpuint(doctor_features(doctor)->len, ==, 0);
}

/* The worst first, and otherwise in the order of the families. */
static void test_order(void)
{
	DoctorOptions options = { .root = folder };
	DoctorSeverity last = DOCTOR_ERROR;

	empty_folder();
	put("etc/rauc/system.conf", "[system]\ncompatible=@X@\nbootloader=noop\n"
	                            "[slot.a.0]\ndevice=/dev/sda1\nbootname=A\n");
	g_autoptr(Doctor) doctor = doctor_examine(&options);
	const GPtrArray *findings = doctor_findings(doctor);
	g_assert_cmpuint(findings->len, >, 4);
	for (unsigned i = 0; i < findings->len; i++) {
		const DoctorFinding *finding = findings->pdata[i];

		g_assert_cmpint(finding->severity, >=, last);
		last = finding->severity;
	}
	g_assert_cmpint(last, ==, DOCTOR_HINT);
	g_assert_cmpuint(doctor_count(doctor, DOCTOR_ERROR) + doctor_count(doctor, DOCTOR_WARNING) +
	                         doctor_count(doctor, DOCTOR_HINT),
	                 ==, findings->len);
	g_assert_true(doctor_has_found(doctor, "slots.numbered-device"));
	g_assert_true(doctor_has_found(doctor, "slots.single"));
}

/* A /proc of this machine bound into the folder names mounts as this machine does. */
static void test_mounts(void)
{
	DoctorOptions options = { .root = folder };
	g_autofree char *text = g_strdup_printf("1 0 8:1 / / rw - ext4 /dev/x rw\n"
	                                        "2 1 8:2 / %s rw - ext4 /dev/y rw\n"
	                                        "3 2 8:3 / %s/data rw - ext4 /dev/z rw\n"
	                                        "4 1 8:4 / %sandmore rw - ext4 /dev/w rw\n",
	                                        folder, folder, folder);

	empty_folder();
	put("proc/cmdline", "quiet");
	put("proc/self/mountinfo", text);
	g_autoptr(Doctor) doctor = doctor_examine(&options);
	g_assert_true(doctor_is_live(doctor));
	g_assert_cmpstr(doctor->mountinfo, ==,
	                "2 1 8:2 / / rw - ext4 /dev/y rw\n3 2 8:3 / /data rw - ext4 /dev/z rw\n");
}

static void test_words(void)
{
	Doctor doctor = { .cmdline = (char *)"panic=5 xpanic=6 ro rauc.slot=A\n" };
	static const char *const rows[][2] = {
		{ "panic", "5" }, { "ro", "" },      { "rauc.slot", "A" },
		{ "xpan", NULL }, { "quiet", NULL },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autofree char *value = doctor_word(&doctor, rows[i][0]);

		g_assert_cmpstr(value, ==, rows[i][1]);
	}
}

/* This very process is said to serve: neither replaced, nor older than a file of long ago. */
static void test_service(void)
{
	DoctorOptions options = { .bus = DOCTOR_BUS_SERVED, .service_pid = getpid() };
	g_autofree char *conf = g_build_filename(folder, "system.conf", NULL);
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	empty_folder();
	put("system.conf", "[system]\ncompatible=x\nbootloader=noop\n");
	options.conf = conf;
	g_assert_cmpint(utimensat(AT_FDCWD, conf, times, 0), ==, 0);
	g_autoptr(Doctor) old = doctor_examine(&options);
	g_assert_false(doctor_has_found(old, "service.old-config"));
	g_assert_false(doctor_has_found(old, "service.old-program"));
	times[0].tv_sec = times[1].tv_sec = time(NULL) + 3600;
	g_assert_cmpint(utimensat(AT_FDCWD, conf, times, 0), ==, 0);
	g_autoptr(Doctor) new = doctor_examine(&options);
	g_assert_true(doctor_has_found(new, "service.old-config"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_assert_nonnull(folder = g_dir_make_tmp("doctor-XXXXXX", NULL));
	/* what the tests plant is warned of */
	g_log_set_always_fatal(G_LOG_LEVEL_CRITICAL | G_LOG_FLAG_FATAL);
	g_test_add_func("/doctor/kinds", test_kinds);
	g_test_add_func("/doctor/paths", test_paths);
	g_test_add_func("/doctor/nothing there", test_nothing_there);
	g_test_add_func("/doctor/order", test_order);
	g_test_add_func("/doctor/mounts", test_mounts);
	g_test_add_func("/doctor/words", test_words);
	g_test_add_func("/doctor/service", test_service);

	int result = g_test_run();
	file_remove_tree(folder, NULL);
	g_free(folder);
	return result;
}
