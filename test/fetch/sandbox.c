/* SPDX-License-Identifier: MIT */

#include "fetch/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

/* In a process of its own, whose every end is a signal or one of these. */
enum { KEPT_IN = 0, ESCAPED = 10, BROKEN = 11, NO_SANDBOX = 12 };

static bool has_landlock(void)
{
	return syscall(444, NULL, 0, 1) >= 1;
}

static int run(int (*work)(void), bool has_files)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		g_setenv("RAUC_FETCH_ALLOW_ROOT", "1", TRUE);
		if (!sandbox_enter(STDERR_FILENO, NULL))
			_exit(NO_SANDBOX);
		if (!has_files)
			sandbox_close_files(NULL, 0, false);
		_exit(work());
	}
	g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define REFUSED(call) ((call) == -1 && (errno == EPERM || errno == EACCES || errno == ENOSYS))

static int do_exec(void)
{
	char *const argv[] = { (char *)"true", NULL };

	return REFUSED(execv("/bin/true", argv)) ? KEPT_IN : ESCAPED;
}

static int do_fork(void)
{
	/* Not through the library, which has its own ideas; SIGCHLD alone: a process. */
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (pid == 0)
		_exit(0);
	return REFUSED(pid) ? KEPT_IN : ESCAPED;
}

static int do_kill(void)
{
	return REFUSED(kill(getppid(), 0)) && REFUSED(syscall(SYS_tgkill, getppid(), getppid(), 0))
	               ? KEPT_IN
	               : ESCAPED;
}

static int do_write(void)
{
	return REFUSED(open("/tmp/rauc-fetch-test", O_WRONLY | O_CREAT, 0600)) &&
	                       REFUSED(open("/dev/null", O_RDWR)) &&
	                       REFUSED(open("/etc/passwd", O_RDONLY | O_APPEND))
	               ? KEPT_IN
	               : ESCAPED;
}

static int do_names(void)
{
	return REFUSED(unlink("/tmp/rauc-fetch-none")) &&
	                       REFUSED(mkdir("/tmp/rauc-fetch-none", 0700)) &&
	                       REFUSED(rename("/tmp/rauc-fetch-none", "/tmp/rauc-fetch-any")) &&
	                       REFUSED(chmod("/tmp", 01777))
	               ? KEPT_IN
	               : ESCAPED;
}

static int do_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0)
		return BROKEN;
	return REFUSED(listen(fd, 1)) && socket(AF_PACKET, SOCK_RAW, 0) == -1 &&
	                       errno == EAFNOSUPPORT
	               ? KEPT_IN
	               : ESCAPED;
}

static int do_foreign_files(void)
{
	return REFUSED(open("/proc/self/status", O_RDONLY)) && REFUSED(open("/", O_RDONLY)) &&
	                       REFUSED(open("/var", O_RDONLY | O_DIRECTORY))
	               ? KEPT_IN
	               : ESCAPED;
}

static void *work(void *to)
{
	*(int *)to = 1;
	return NULL;
}

/* What it is for still works. */
static int do_good(void)
{
	pthread_t thread;
	int is_run = 0, file = open("/etc/passwd", O_RDONLY);

	if (file < 0 || open("/usr/share", O_RDONLY | O_DIRECTORY) < 0)
		return BROKEN;
	if (pthread_create(&thread, NULL, work, &is_run) != 0 || pthread_join(thread, NULL) != 0)
		return BROKEN;
	return is_run && socket(AF_INET, SOCK_STREAM, 0) >= 0 &&
	                       socket(AF_INET6, SOCK_STREAM, 0) >= 0 &&
	                       socket(AF_UNIX, SOCK_STREAM, 0) >= 0 &&
	                       socket(AF_NETLINK, SOCK_RAW, 0) >= 0
	               ? KEPT_IN
	               : BROKEN;
}

static int do_state(void)
{
	struct rlimit core;

	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE) != 0)
		return ESCAPED;
	if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
		return ESCAPED;
	for (int fd = STDERR_FILENO + 1; fd < 100; fd++) {
		if (fcntl(fd, F_GETFD) >= 0)
			return ESCAPED;
	}
	return KEPT_IN;
}

/* A token's module may need more files; still no programs. */
static int do_token(void)
{
	sandbox_close_files(NULL, 0, true);
	return open("/dev/null", O_RDWR) >= 0 && do_exec() == KEPT_IN ? KEPT_IN : BROKEN;
}

static int do_more_files(void)
{
	const char *const more[] = { NULL, "/proc/self/status", "/none" };

	sandbox_close_files(more, 3, false);
	return open("/proc/self/status", O_RDONLY) >= 0 &&
	                       REFUSED(open("/proc/self/stat", O_RDONLY))
	               ? KEPT_IN
	               : ESCAPED;
}

static void test_kept_in(gconstpointer data)
{
	g_assert_cmpint(run((int (*)(void))data, false), ==, KEPT_IN);
}

static void test_landlock(gconstpointer data)
{
	if (!has_landlock()) {
		g_test_skip("this kernel has no Landlock");
		return;
	}
	test_kept_in(data);
}

static void test_with_files(gconstpointer data)
{
	g_assert_cmpint(run((int (*)(void))data, true), ==, KEPT_IN);
}

static void test_more_files(void)
{
	if (has_landlock())
		g_assert_cmpint(run(do_more_files, true), ==, KEPT_IN);
	else
		g_test_skip("this kernel has no Landlock");
}

/* Root is refused before anything else is done. */
static void test_root(void)
{
	g_autoptr(GError) error = NULL;

	if (geteuid() != 0) {
		g_test_skip("not root");
		return;
	}
	g_unsetenv("RAUC_FETCH_ALLOW_ROOT");
	g_assert_false(sandbox_enter(3, &error));
	g_assert_error(error, FAILURE, FAILURE_UNSAFE);
	g_assert_cmpint(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), ==, 0);
}

int main(int argc, char **argv)
{
	const struct {
		const char *name;
		int (*work)(void);
	} rows[] = {
		{ "/sandbox/exec", do_exec },   { "/sandbox/fork", do_fork },
		{ "/sandbox/kill", do_kill },   { "/sandbox/write", do_write },
		{ "/sandbox/names", do_names }, { "/sandbox/listen", do_listen },
		{ "/sandbox/good", do_good },   { "/sandbox/state", do_state },
	};

	g_test_init(&argc, &argv, NULL);
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		g_test_add_data_func(rows[i].name, (gconstpointer)rows[i].work, test_kept_in);
	g_test_add_data_func("/sandbox/foreign-files", (gconstpointer)do_foreign_files,
	                     test_landlock);
	g_test_add_func("/sandbox/more-files", test_more_files);
	g_test_add_data_func("/sandbox/token", (gconstpointer)do_token, test_with_files);
	g_test_add_func("/sandbox/root", test_root);
	return g_test_run();
}
