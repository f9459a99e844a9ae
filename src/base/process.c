/* SPDX-License-Identifier: MIT */

#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define MOST_LINE 4096
#define TICK_MS   50   /* how soon its end is noticed while others hold its output */
#define DRAIN     1024 /* reads of what it had printed before it ended */

static GStrv collect(const char *program, va_list args)
{
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();

	for (const char *arg = program; arg; arg = va_arg(args, const char *))
		g_strv_builder_add(argv, arg);
	return g_strv_builder_end(argv);
}

static bool run(GStrv argv, char **out, GError **error)
{
	g_autofree char *complaint = NULL;
	g_autofree char *line = g_strjoinv(" ", argv);
	g_autoptr(GError) reason = NULL;
	GSpawnFlags flags = G_SPAWN_SEARCH_PATH | (out ? 0 : G_SPAWN_STDOUT_TO_DEV_NULL);
	int status;

	g_debug("run: %s", line);
	if (!g_spawn_sync(NULL, argv, NULL, flags, NULL, NULL, out, &complaint, &status, &reason))
		return fail(error, FAILURE_TOOL, "%s: %s", argv[0], reason->message);
	if (!g_spawn_check_wait_status(status, &reason)) {
		const char *last = strrchr(g_strchomp(complaint), '\n');

		return fail(error, FAILURE_TOOL, "%s: %s (%s)", argv[0], reason->message,
		            last ? last + 1 : complaint);
	}
	return true;
}

bool process_run(GError **error, const char *program, ...)
{
	va_list args;

	va_start(args, program);
	g_auto(GStrv) argv = collect(program, args);
	va_end(args);
	return run(argv, NULL, error);
}

bool process_run_argv(GStrv argv, GError **error)
{
	return run(argv, NULL, error);
}

char *process_capture(GError **error, const char *program, ...)
{
	va_list args;

	va_start(args, program);
	g_auto(GStrv) argv = collect(program, args);
	va_end(args);
	return process_capture_argv(argv, error);
}

char *process_capture_argv(GStrv argv, GError **error)
{
	g_autofree char *out = NULL;

	if (!run(argv, &out, error))
		return NULL;
	return g_strchomp(g_steal_pointer(&out));
}

typedef struct {
	int fd; /* -1: at its end */
	bool is_stderr;
	GString *line;
	const ProcessRun *run;
} Stream;

/* What we are killed for must not go on writing into slots behind the back of the next one. */
static void own_group(gpointer data G_GNUC_UNUSED)
{
	sigset_t term;

	/* We may wait for it ourselves; it has to hear when it shall end. */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static void end_line(Stream *stream)
{
	g_autofree char *text = g_utf8_make_valid(stream->line->str, (gssize)stream->line->len);

	for (char *c = text; *c; c++) {
		if (g_ascii_iscntrl(*c) && *c != '\t')
			*c = '?';
	}
	if (stream->run->line)
		stream->run->line(stream->run->user, text, stream->is_stderr);
	g_string_truncate(stream->line, 0);
}

static void take(Stream *stream, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\n')
			end_line(stream);
		else if (stream->line->len < MOST_LINE)
			g_string_append_c(stream->line, bytes[i] ? bytes[i] : '?');
	}
}

/* false: nothing to read now. */
static bool read_some(Stream *stream)
{
	char bytes[8192];
	ssize_t got = stream->fd < 0 ? -1 : read(stream->fd, bytes, sizeof(bytes));

	if (got > 0)
		take(stream, bytes, (size_t)got);
	else if (got == 0 || (stream->fd >= 0 && errno != EAGAIN && errno != EINTR))
		fd_clear(&stream->fd);
	return got > 0;
}

static void finish(Stream *stream)
{
	for (unsigned i = 0; i < DRAIN && read_some(stream); i++)
		;
	if (stream->line->len)
		end_line(stream);
	fd_clear(&stream->fd);
	g_string_free(stream->line, TRUE);
}

/* What goes into its stdin. */
typedef struct {
	int fd; /* -1: nothing, or no more */
	const char *piece;
	size_t left;
	const ProcessRun *run;
} Feed;

/* As much as it takes now; false where there is nothing to be had. */
static bool feed_some(Feed *feed, GError **error)
{
	if (feed->fd < 0)
		return true;
	if (feed->left == 0) {
		const void *piece = NULL;

		if (!feed->run->feed(feed->run->user, &piece, &feed->left, error))
			return false;
		feed->piece = piece;
		if (feed->left == 0) {
			fd_clear(&feed->fd);
			return true;
		}
	}
	/* Not write(): who reads no more must not end us by a signal. */
	ssize_t put = send(feed->fd, feed->piece, feed->left, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (put >= 0) {
		feed->piece += put;
		feed->left -= (size_t)put;
	} else if (errno != EAGAIN && errno != EINTR) {
		fd_clear(&feed->fd);
	}
	return true;
}

typedef enum { ENDED, TIME_OVER, NOT_FED } Outcome;

static gint64 in_seconds(unsigned seconds)
{
	return seconds ? g_get_monotonic_time() + (gint64)seconds * G_USEC_PER_SEC : G_MAXINT64;
}

/* Until the program has ended, or has to. */
static Outcome follow(pid_t pid, Stream streams[2], Feed *feed, int *status, GError **error)
{
	gint64 end = in_seconds(feed->run->seconds);
	bool is_cancelled = false;

	for (;;) {
		/* Who has to end is fed no more, but sees no end either: it has not got all. */
		struct pollfd polled[4] = {
			{ streams[0].fd, POLLIN, 0 },
			{ streams[1].fd, POLLIN, 0 },
			{ is_cancelled ? -1 : feed->fd, POLLOUT, 0 },
			{ is_cancelled ? -1 : cancel_fd(feed->run->cancel), POLLIN, 0 },
		};

		poll(polled, 4, TICK_MS);
		if (polled[3].revents) {
			is_cancelled = true;
			kill(-pid, SIGTERM);
			end = MIN(end, in_seconds(PROCESS_GRACE));
			continue;
		}
		read_some(&streams[0]);
		read_some(&streams[1]);
		if (polled[2].revents && !feed_some(feed, error))
			return NOT_FED;
		if (waitpid(pid, status, WNOHANG) == pid)
			return ENDED;
		if (g_get_monotonic_time() >= end)
			return TIME_OVER;
	}
}

static bool start(const ProcessRun *run, pid_t *pid, Stream streams[2], int *in, GError **error)
{
	g_autoptr(GError) reason = NULL;
	GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH;
	int pair[2] = { -1, -1 };

	if (run->feed && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return fail_errno(error, "cannot start %s: socketpair", run->argv[0]);
	bool ok = g_spawn_async_with_pipes_and_fds(NULL, run->argv, run->env, flags, own_group,
	                                           NULL, pair[0], -1, -1, NULL, NULL, 0, pid, NULL,
	                                           &streams[0].fd, &streams[1].fd, &reason);
	fd_clear(&pair[0]);
	*in = pair[1];
	if (!ok) {
		fd_clear(in);
		return fail(error, FAILURE_TOOL, "cannot start %s: %s", run->argv[0],
		            reason->message);
	}
	for (unsigned i = 0; i < 2; i++) {
		int flags_now = fcntl(streams[i].fd, F_GETFL);

		(void)fcntl(streams[i].fd, F_SETFL, flags_now | O_NONBLOCK);
	}
	return true;
}

bool process_watch(const ProcessRun *run, int *code, GError **error)
{
	Stream streams[2] = { { .fd = -1, .run = run },
		              { .fd = -1, .is_stderr = true, .run = run } };
	Feed feed = { .fd = -1, .run = run };
	pid_t pid;
	int status = 0;

	if (!start(run, &pid, streams, &feed.fd, error))
		return false;
	streams[0].line = g_string_new(NULL);
	streams[1].line = g_string_new(NULL);
	Outcome outcome = follow(pid, streams, &feed, &status, error);
	kill(-pid, SIGKILL);
	if (outcome != ENDED)
		(void)TEMP_FAILURE_RETRY(waitpid(pid, &status, 0));
	finish(&streams[0]);
	finish(&streams[1]);
	fd_clear(&feed.fd);

	if (outcome == NOT_FED)
		return false;
	bool is_well = outcome == ENDED && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	if (!is_well && !cancel_check(run->cancel, error))
		return false;
	if (outcome == TIME_OVER)
		return fail(error, FAILURE_TOOL, "%s did not end within %u s and was killed",
		            run->argv[0], run->seconds);
	if (WIFSIGNALED(status))
		return fail(error, FAILURE_TOOL, "%s: Child process killed by signal %d",
		            run->argv[0], WTERMSIG(status));
	*code = WEXITSTATUS(status);
	return true;
}

/* The parent: its exit code is the only byte that comes, or none does. */
G_NORETURN static void wait_for_child(int child)
{
	uint8_t code = 1;
	ssize_t got;

	do
		got = read(child, &code, 1);
	while (got < 0 && errno == EINTR);
	_exit(got == 1 ? code : 1);
}

int process_detach(GError **error)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		fail_errno(error, "cannot make a pipe");
		return -1;
	}
	pid_t pid = fork();
	if (pid < 0) {
		fail_errno(error, "cannot start a process");
		close(ends[0]);
		close(ends[1]);
		return -1;
	}
	if (pid > 0) {
		close(ends[1]);
		wait_for_child(ends[0]);
	}
	close(ends[0]);
	return ends[1];
}

void process_detached(int parent, int code)
{
	uint8_t byte = (uint8_t)code;
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

	setsid();
	if (chdir("/") < 0)
		g_debug("cannot leave the folder: %s", g_strerror(errno));
	for (int fd = STDIN_FILENO; nothing >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(nothing, fd);
	if (nothing > STDERR_FILENO)
		close(nothing);
	if (write(parent, &byte, 1) != 1)
		g_debug("nobody waits: %s", g_strerror(errno));
	close(parent);
}

/* --- Helpers ------------------------------------------------------------------ */

#define HELPER_FD 3
#define PATIENCE  20 /* times TICK_MS */

/* Who it becomes; looked up before the fork, because behind it nothing may lock. */
typedef struct {
	bool is_wanted;
	uid_t uid;
	gid_t gid, *groups;
	int n_groups;
} Identity;

static bool find_identity(const char *user, Identity *identity, GError **error)
{
	if (!user || (geteuid() != 0 && getegid() != 0))
		return true;
	errno = 0;
	const struct passwd *entry = getpwnam(user);
	if (!entry)
		return fail(error, FAILURE_CONFIG, "user %s not found in user database", user);
	identity->is_wanted = true;
	identity->uid = entry->pw_uid;
	identity->gid = entry->pw_gid;
	getgrouplist(user, entry->pw_gid, NULL, &identity->n_groups);
	identity->groups = g_new0(gid_t, identity->n_groups + 1);
	if (getgrouplist(user, entry->pw_gid, identity->groups, &identity->n_groups) < 0)
		return fail(error, FAILURE_CONFIG, "cannot find the groups of user %s", user);
	return true;
}

/* In the child. System calls, since those of libc tell all threads, and there are none here. */
static void become(gpointer data)
{
	const Identity *identity = data;

	if (!identity->is_wanted)
		return;
	if (syscall(SYS_setgroups, (long)identity->n_groups, identity->groups) < 0 ||
	    syscall(SYS_setresgid, identity->gid, identity->gid, identity->gid) < 0 ||
	    syscall(SYS_setresuid, identity->uid, identity->uid, identity->uid) < 0)
		_exit(126);
}

static bool spawn_helper(const char *const *argv, const char *const *more, Identity *identity,
                         int theirs, ProcessHelper *helper, GError **error)
{
	const int target = HELPER_FD;
	g_auto(GStrv) env = g_get_environ();
	g_autoptr(GError) reason = NULL;
	GPid pid;

	for (; more && more[0] && more[1]; more += 2)
		env = g_environ_setenv(env, more[0], more[1], FALSE);
	if (!g_spawn_async_with_pipes_and_fds(NULL, argv, (const char *const *)env,
	                                      G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
	                                      become, identity, -1, -1, -1, &theirs, &target, 1,
	                                      &pid, NULL, NULL, NULL, &reason))
		return fail(error, FAILURE_TOOL, "cannot start %s: %s", argv[0], reason->message);
	helper->pid = pid;
	return true;
}

bool process_helper_start(const char *const *argv, const char *const *more, const char *user,
                          ProcessHelper *helper, GError **error)
{
	Identity identity = { 0 };
	int ends[2];

	*helper = (ProcessHelper){ .fd = -1 };
	if (!find_identity(user, &identity, error)) {
		g_free(identity.groups);
		return false;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		g_free(identity.groups);
		return fail_errno(error, "cannot make a socket for %s", argv[0]);
	}

	fd_auto int theirs = ends[1];
	helper->fd = ends[0];
	bool ok = spawn_helper(argv, more, &identity, theirs, helper, error);
	g_free(identity.groups);
	if (!ok)
		fd_clear(&helper->fd);
	return ok;
}

void process_helper_end(ProcessHelper *helper)
{
	int status;

	if (helper->fd < 0)
		return;
	fd_clear(&helper->fd);
	for (unsigned i = 0; i < PATIENCE; i++) {
		if (waitpid(helper->pid, &status, WNOHANG) != 0)
			return;
		g_usleep(TICK_MS * 1000);
	}
	kill(helper->pid, SIGKILL);
	while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR)
		;
}
