/* SPDX-License-Identifier: MIT */

#include <fcntl.h>
#include <glib.h>
#include <locale.h>
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

int main(int argc G_GNUC_UNUSED, char **argv)
{
	if (!fill_standard_streams() || !argv[0])
		return 1;
	setlocale(LC_ALL, "");
	signal(SIGPIPE, SIG_IGN);
	g_setenv("GIO_USE_VFS", "local", TRUE);
	g_set_prgname("rauc");
	return command_run(argv, service_run);
}
