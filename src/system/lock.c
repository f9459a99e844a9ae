/* SPDX-License-Identifier: MIT */

#include "system/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

static int refuse_busy(int fd, const char *path, GError **error)
{
	char pid[32] = "";
	ssize_t got = pread(fd, pid, sizeof(pid) - 1, 0);

	if (got > 0)
		pid[got] = '\0';
	g_strchomp(pid);
	fail(error, FAILURE_BUSY,
	     "another rauc (process %s) is installing or marking slots; it holds %s",
	     *pid ? pid : "unknown", path);
	return -1;
}

int lock_take(const char *folder, GError **error)
{
	ERROR_WHILE(error, "taking the lock");
	g_autofree char *path = g_build_filename(folder, "lock", NULL);
	char pid[32];

	if (!file_make_folders(folder, 0755, error))
		return -1;
	fd_auto int fd = fd_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644, error);
	if (fd < 0)
		return -1;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return refuse_busy(fd, path, error);
		fail_errno(error, "cannot lock %s", path);
		return -1;
	}
	/* Only for the message above: failing to write it is no reason to stop. */
	int n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		g_debug("cannot note the holder in %s", path);
	return fd_steal(&fd);
}
