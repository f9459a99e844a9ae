/* SPDX-License-Identifier: MIT */

#include "fetch/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "fetch/sandbox_filter.h"

/* --- What is there from the start ------------------------------------------ */

static void close_from(unsigned first)
{
#ifdef __NR_close_range
	if (syscall(__NR_close_range, first, ~0U, 0) == 0)
		return;
#endif
	for (long fd = first, end = MIN(sysconf(_SC_OPEN_MAX), 65536); fd < end; fd++)
		close((int)fd);
}

static void limit(int what, rlim_t most)
{
	struct rlimit now, wanted = { most, most };

	if (getrlimit(what, &now) == 0 && now.rlim_max < most)
		wanted.rlim_cur = wanted.rlim_max = now.rlim_max;
	if (setrlimit(what, &wanted) != 0)
		g_debug("fetch: limit %d: %s", what, g_strerror(errno));
}

/* Our messages may go to a file. */
static bool is_stderr_file(void)
{
	struct stat status;

	return fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode);
}

bool sandbox_enter(int last_fd, GError **error)
{
	if (geteuid() == 0 && !g_getenv("RAUC_FETCH_ALLOW_ROOT"))
		return fail(error, FAILURE_UNSAFE,
		            "it listens to strangers, and is not to be started as root");
	close_from((unsigned)last_fd + 1);
	umask(0077);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, 256);
	if (!is_stderr_file())
		limit(RLIMIT_FSIZE, 0);
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		g_debug("fetch: no_new_privs: %s", g_strerror(errno));
	else if (!sandbox_filter_calls())
		g_debug("fetch: seccomp: %s", g_strerror(errno));
	return true;
}

/* --- Files: Landlock -------------------------------------------------------- */

#ifndef __NR_landlock_create_ruleset /* the same everywhere */
#define __NR_landlock_create_ruleset 444
#define __NR_landlock_add_rule       445
#define __NR_landlock_restrict_self  446
#endif

/* The headers of the C library know less than kernels do. */
typedef struct {
	uint64_t files, net, scoped;
} RuleSet;

typedef struct {
	uint64_t allowed;
	int32_t fd;
} __attribute__((packed)) PathRule;

#define READ_FILE   (UINT64_C(1) << 2)
#define READ_FOLDER (UINT64_C(1) << 3)
#define BIND_TCP    (UINT64_C(1) << 0)
#define ALL_SCOPES  UINT64_C(3) /* abstract sockets, signals */
#define VERSION     1           /* a flag */
#define BENEATH     1           /* a kind of rule */

/* Everything each version of Landlock can watch. */
static RuleSet rules_of(long version, size_t *size)
{
	RuleSet rules = { .files = (UINT64_C(1) << 13) - 1 };

	if (version >= 2)
		rules.files |= UINT64_C(1) << 13; /* moving between folders */
	if (version >= 3)
		rules.files |= UINT64_C(1) << 14; /* truncate(2) */
	if (version >= 5)
		rules.files |= UINT64_C(1) << 15; /* ioctl(2) on devices */
	if (version >= 4)
		rules.net = BIND_TCP;
	if (version >= 6)
		rules.scoped = ALL_SCOPES;
	*size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
	return rules;
}

static void allow_reading(int set, const char *path)
{
	struct stat status;
	fd_auto int fd = path ? open(path, O_PATH | O_CLOEXEC) : -1;
	PathRule rule = { READ_FILE, fd };

	if (fd < 0 || fstat(fd, &status) != 0)
		return; /* not there */
	if (S_ISDIR(status.st_mode))
		rule.allowed |= READ_FOLDER;
	if (syscall(__NR_landlock_add_rule, set, BENEATH, &rule, 0) != 0)
		g_debug("fetch: Landlock, %s: %s", path, g_strerror(errno));
}

/* Elsewhere than in /etc on many systems, and replaced whenever the network changes. */
static void allow_resolv_conf(int set)
{
	char *file = realpath("/etc/resolv.conf", NULL);

	if (file) {
		g_autofree char *folder = g_path_get_dirname(file);

		if (!g_str_equal(folder, "/"))
			allow_reading(set, folder);
	}
	free(file);
}

static void allow_netrc(int set)
{
	const char *home = g_getenv("HOME");
	g_autofree char *path = home ? g_strconcat(home, "/.netrc", NULL) : NULL;

	allow_reading(set, path);
}

static bool restrict_files(const char *const *more, unsigned n)
{
	static const char *const paths[] = { "/etc",
		                             "/usr",
		                             "/lib",
		                             "/lib64",
		                             "/dev/null",
		                             "/dev/urandom",
		                             "/dev/random",
		                             "/var/lib/ca-certificates",
		                             "/run/systemd/resolve" };
	long version = syscall(__NR_landlock_create_ruleset, NULL, 0, VERSION);
	size_t size;
	RuleSet rules = rules_of(version, &size);
	fd_auto int set =
		version < 1 ? -1 : (int)syscall(__NR_landlock_create_ruleset, &rules, size, 0);

	if (set < 0)
		return false;
	for (unsigned i = 0; i < G_N_ELEMENTS(paths); i++)
		allow_reading(set, paths[i]);
	for (unsigned i = 0; i < n; i++)
		allow_reading(set, more[i]);
	allow_resolv_conf(set);
	allow_netrc(set);
	return syscall(__NR_landlock_restrict_self, set, 0) == 0;
}

void sandbox_close_files(const char *const *more, unsigned n, bool has_token)
{
	if (has_token) {
		g_debug("fetch: files stay open to the module of the PKCS#11 token");
		return;
	}
	if (!restrict_files(more, n))
		g_debug("fetch: Landlock: %s", g_strerror(errno));
	if (!sandbox_filter_writing())
		g_debug("fetch: seccomp: %s", g_strerror(errno));
}
