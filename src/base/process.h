/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Programs we run.
 *
 * The only place that spawns. Arguments are NULL-terminated and never pass
 * through a shell; a program that exits non-zero is an error with its name,
 * its status and the last line it wrote to stderr.
 */

#include <glib.h>
#include <stdbool.h>

#include "base/cancel.h"

bool process_run(GError **error, const char *program, ...) G_GNUC_NULL_TERMINATED;
bool process_run_argv(GStrv argv, GError **error);

/* Run and return what it printed, trailing white space removed. */
G_GNUC_WARN_UNUSED_RESULT
char *process_capture(GError **error, const char *program, ...) G_GNUC_NULL_TERMINATED;
G_GNUC_WARN_UNUSED_RESULT
char *process_capture_argv(GStrv argv, GError **error);

/*
 * A program that may run long, talk much, hang, or leave a daemon behind.
 *
 * It gets a process group of its own, /dev/null as stdin, and what it prints is handed on
 * line by line (control characters and bytes that are no UTF-8 are replaced; a line has at most
 * 4096 bytes, the rest of it is dropped). When it has ended, or its time is over, the whole
 * group is killed, and nobody waits for who else still holds its output.
 *
 * With `feed` it has a socket as stdin instead, which takes what `feed` gives it, piece by
 * piece: `*size` 0 is the end, and a piece must stay where it is until the next is asked for.
 * A program may stop reading when it likes: then nobody is asked for more.
 *
 * Once `cancel` is asked, the group gets SIGTERM, and as much time as PROCESS_GRACE seconds to put away
 * what it has. If it ends with 0 all the same, it has done its work, and nothing is said.
 */
#define PROCESS_GRACE 5

typedef struct {
	const char *const *argv;
	const char *const *env;                                     /* NULL: that of this process */
	unsigned seconds;                                           /* time limit; 0: none */
	Cancel *cancel;                                             /* or NULL */
	void (*line)(void *user, const char *text, bool is_stderr); /* NULL: dropped */
	bool (*feed)(void *user, const void **piece, size_t *size, GError **error); /* or NULL */
	void *user;
} ProcessRun;

/* `*code` is what it exited with. Fails where it cannot be started, ends by a signal, has not
 * ended in time, or where `feed` fails; never because of its exit code, but FAILURE_CANCELLED where
 * that is not 0 of one that was asked to end. */
bool process_watch(const ProcessRun *run, int *code, GError **error);

/*
 * Go on without the one who called: what follows runs in a child, while the parent waits to be
 * told how it went. To be called before any thread is made.
 *
 * In the child a descriptor for process_detached(), or -1 in the one process that could not
 * split. The parent never returns: it exits with the code of process_detached(), or with 1 where
 * the child ends without it.
 */
int process_detach(GError **error);
/* The parent exits with `code`; we have a session of our own, "/" as folder, and nothing more of
 * the standard streams. Closes `parent`. */
void process_detached(int parent, int code);

/*
 * A program of our own that works beside us, and is spoken to over a socket: its descriptor 3. As
 * another user, where one is named and we are root. What it prints goes where ours goes; it is to
 * end when the socket is closed.
 */
typedef struct {
	int fd; /* our end; -1: none */
	int pid;
} ProcessHelper;

/* `more`: names and values in turns, for its environment where they are not there yet; NULL: none. */
bool process_helper_start(const char *const *argv, const char *const *more, const char *user,
                          ProcessHelper *helper, GError **error);
/* Close the socket and wait for its end; killed where it does not come in a second. */
void process_helper_end(ProcessHelper *helper);
