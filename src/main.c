/* SPDX-License-Identifier: MIT */

#include <fcntl.h>
#include <glib.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include "cli/command.h"
#include "service/service.h"

/*
 * A program started without stdin, stdout or stderr must not get a slot device
 * as one of them. Read-only, so that output to it is noticed as lost.
 */
static bool fill_standard_streams(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return false;
	}
	return true;
}

/*
 * The buffers of an installation are mapped and, once freed, gone. Left to itself glibc keeps what it
 * was asked for once, and a service that has installed stays larger by them.
 */
static void return_memory(void)
{
#ifdef M_MMAP_THRESHOLD
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

int main(int argc G_GNUC_UNUSED, char **argv)
{
	if (!fill_standard_streams() || !argv[0])
		return 1;
	return_memory();
	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	g_setenv("GIO_USE_VFS", "local", TRUE);
	g_set_prgname("rauc");
	return command_run(argv, service_run);
}
