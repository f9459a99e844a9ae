/* SPDX-License-Identifier: MIT */

#include "base/process.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

static void test_capture(void)
{
	g_autofree char *out = process_capture(NULL, "printf", "%s\\n\\n", "a b", NULL);

	g_assert_cmpstr(out, ==, "a b");
	g_assert_true(process_run(NULL, "true", NULL));
}

static void test_failures(void)
{
	g_autoptr(GError) status = NULL, missing = NULL;

	g_assert_false(
		process_run(&status, "sh", "-c", "echo one >&2; echo two >&2; exit 3", NULL));
	g_assert_error(status, FAILURE, FAILURE_TOOL);
	g_assert_cmpstr(status->message, ==, "sh: Child process exited with code 3 (two)");
	g_assert_false(process_run(&missing, "no-such-program-here", NULL));
	g_assert_error(missing, FAILURE, FAILURE_TOOL);
}

static void add_line(void *user, const char *text, bool is_stderr)
{
	GString *all = user;

	/* A flood is counted, not kept. */
	if (all->len < 4000)
		g_string_append_printf(all, "%s%s\n", is_stderr ? "!" : "", text);
}

static const struct {
	const char *script;
	unsigned seconds;
	int code;           /* -1: an error */
	const char *output; /* or the error's end */
} rows[] = {
	{ "echo one; echo two", 0, 0, "one\ntwo\n" },
	{ "echo one >&2; exit 7", 0, 7, "!one\n" },
	{ "printf 'no newline'", 0, 0, "no newline\n" },
	{ "printf 'a\\033[31mb\\000c\\377d\\n'", 0, 0,
	  "a?[31mb?c\xef\xbf\xbd"
	  "d\n" },
	{ "echo begun; sleep 100", 1, -1, "did not end within 1 s and was killed" },
	{ "kill -SEGV $$", 0, -1, "Child process killed by signal 11" },
	/* A daemon that holds the output must neither keep us nor live on. */
	{ "sleep 100 & echo $!", 5, 0, NULL },
	{ "trap '' TERM; sleep 100", 1, -1, "did not end within 1 s and was killed" },
	{ "head -c 3000000 /dev/zero | tr '\\000' x; echo", 10, 0, NULL },
	{ "yes | head -n 200000", 10, 0, NULL },
};

static void test_watch(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		const char *argv[] = { "sh", "-c", rows[i].script, NULL };
		g_autoptr(GString) told = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		ProcessRun run = {
			.argv = argv, .seconds = rows[i].seconds, .line = add_line, .user = told
		};
		int code = -1;
		gint64 begin = g_get_monotonic_time();

		bool ok = process_watch(&run, &code, &error);
		g_assert_true(ok == (rows[i].code >= 0));
		g_assert_cmpint(g_get_monotonic_time() - begin, <, 20 * G_USEC_PER_SEC);
		if (!ok)
			g_assert_true(g_str_has_suffix(error->message, rows[i].output));
		else
			g_assert_cmpint(code, ==, rows[i].code);
		if (ok && rows[i].output)
			g_assert_cmpstr(told->str, ==, rows[i].output);
	}
}

static void test_watch_environment(void)
{
	const char *argv[] = { "sh", "-c", "echo $ONE; pwd; cat", NULL };
	const char *env[] = { "ONE=1", "PATH=/usr/bin:/bin", NULL };
	g_autoptr(GString) told = g_string_new(NULL);
	g_autofree char *here = g_get_current_dir();
	g_autofree char *expected = g_strdup_printf("1\n%s\n", here);
	ProcessRun run = { .argv = argv, .env = env, .line = add_line, .user = told };
	int code;

	g_assert_true(process_watch(&run, &code, NULL));
	g_assert_cmpstr(told->str, ==, expected);
}

static void test_watch_cannot_start(void)
{
	const char *argv[] = { "/nonexistent/program", NULL };
	ProcessRun run = { .argv = argv };
	g_autoptr(GError) error = NULL;
	int code;

	g_assert_false(process_watch(&run, &code, &error));
	g_assert_error(error, FAILURE, FAILURE_TOOL);
	g_assert_true(g_str_has_prefix(error->message, "cannot start /nonexistent/program: "));
}

typedef struct {
	unsigned n_given, n_pieces; /* pieces of 100 KiB */
	bool fails;
	char piece[100 << 10];
	GString *told;
} Feeder;

static bool give(void *user, const void **piece, size_t *size, GError **error)
{
	Feeder *feeder = user;

	if (feeder->n_given == feeder->n_pieces)
		return !feeder->fails || fail(error, FAILURE_INTEGRITY, "no more to be had");
	memset(feeder->piece, 'a' + feeder->n_given++ % 26, sizeof(feeder->piece));
	*piece = feeder->piece;
	*size = sizeof(feeder->piece);
	return true;
}

static void add_fed_line(void *user, const char *text, bool is_stderr)
{
	add_line(((Feeder *)user)->told, text, is_stderr);
}

static const struct {
	const char *script;
	unsigned n_pieces;
	bool fails;
	unsigned seconds;
	int code;           /* -1: an error */
	const char *output; /* or the error's end */
} fed[] = {
	{ "wc -c", 0, false, 0, 0, "0\n" },
	{ "wc -c", 50, false, 0, 0, "5120000\n" },
	{ "tr -d a-c | head -c 3; wc -c", 4, false, 0, 0, NULL },
	{ "exit 3", 50, false, 0, 3, "" },
	{ "exec <&-; sleep 0.3; echo deaf", 50, false, 0, 0, "deaf\n" },
	{ "tee /dev/stderr | wc -c", 30, false, 0, 0, NULL },
	{ "cat >/dev/null; sleep 100", 5, true, 0, -1, "no more to be had" },
	{ "sleep 100", 50, false, 1, -1, "did not end within 1 s and was killed" },
};

static void test_feed(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(fed); i++) {
		const char *argv[] = { "sh", "-c", fed[i].script, NULL };
		g_autoptr(GError) error = NULL;
		g_autoptr(GString) told = g_string_new(NULL);
		g_autofree Feeder *feeder = g_new0(Feeder, 1);
		ProcessRun run = { .argv = argv,
			           .seconds = fed[i].seconds,
			           .line = add_fed_line,
			           .feed = give,
			           .user = feeder };
		int code = -1;

		feeder->n_pieces = fed[i].n_pieces;
		feeder->fails = fed[i].fails;
		feeder->told = told;
		bool ok = process_watch(&run, &code, &error);
		g_assert_true(ok == (fed[i].code >= 0));
		if (!ok)
			g_assert_true(g_str_has_suffix(error->message, fed[i].output));
		else
			g_assert_cmpint(code, ==, fed[i].code);
		if (ok && fed[i].output)
			g_assert_cmpstr(told->str, ==, fed[i].output);
	}
}

/* What is asked to end when it has said that it is ready. */
typedef struct {
	Cancel *cancel;
	GString *told;
	char piece[4096];
} Cancelled;

static void cancel_on_line(void *user, const char *text, bool is_stderr)
{
	Cancelled *cancelled = user;

	add_line(cancelled->told, text, is_stderr);
	cancel_ask(cancelled->cancel, "by me");
}

static bool give_for_ever(void *user, const void **piece, size_t *size,
                          GError **error G_GNUC_UNUSED)
{
	*piece = ((Cancelled *)user)->piece;
	*size = sizeof(((Cancelled *)user)->piece);
	return true;
}

static const struct {
	const char *script;
	bool is_fed;
	int code;
	const char *output;
} cancelled[] = {
	{ "echo ready; sleep 100", false, -1, "ready\n" },
	{ "trap 'echo bye; exit 3' TERM; echo ready; sleep 100 & wait", false, -1, "ready\nbye\n" },
	/* It was nearly done, and is now. */
	{ "trap 'echo bye; exit 0' TERM; echo ready; sleep 100 & wait", false, 0, "ready\nbye\n" },
	{ "trap '' TERM; echo ready; while :; do sleep 1; done", false, -1, "ready\n" },
	{ "echo ready; exec cat >/dev/null", true, -1, "ready\n" },
	/* Not: cut short, and content with it. */
	{ "trap '' TERM; echo ready; wc -c", true, -1, "ready\n" },
};

static void test_cancelled(void)
{
	sigset_t term, before;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	for (unsigned i = 0; i < G_N_ELEMENTS(cancelled); i++) {
		const char *argv[] = { "sh", "-c", cancelled[i].script, NULL };
		g_autoptr(Cancel) cancel = cancel_new();
		g_autoptr(GString) told = g_string_new(NULL);
		g_autoptr(GError) error = NULL;
		Cancelled state = { .cancel = cancel, .told = told };
		ProcessRun run = { .argv = argv,
			           .cancel = cancel,
			           .line = cancel_on_line,
			           .feed = cancelled[i].is_fed ? give_for_ever : NULL,
			           .user = &state };
		int code = -1;

		/* Who waits for signals itself has them blocked. */
		pthread_sigmask(i % 2 ? SIG_BLOCK : SIG_UNBLOCK, &term, &before);
		bool ok = process_watch(&run, &code, &error);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
		g_assert_true(ok == !error);
		if (error)
			g_assert_error(error, FAILURE, FAILURE_CANCELLED);
		g_assert_cmpint(code, ==, cancelled[i].code);
		g_assert_cmpstr(told->str, ==, cancelled[i].output);
	}
}

/* A process that splits; the part that stays writes to `fd`. */
static void detach(bool is_reported, int fd)
{
	int parent = process_detach(NULL);

	g_assert_cmpint(parent, >=, 0);
	if (!is_reported)
		_exit(0);
	process_detached(parent, 7);
	g_autofree char *folder = g_get_current_dir();
	bool is_apart = getsid(0) == getpid() && g_str_equal(folder, "/") && !isatty(0);
	_exit(write(fd, is_apart ? "apart" : "near", 5) == 5 ? 0 : 1);
}

static void test_detach(void)
{
	for (int is_reported = 0; is_reported < 2; is_reported++) {
		int ends[2], status;
		char text[8] = "";

		g_assert_cmpint(pipe(ends), ==, 0);
		pid_t pid = fork();
		if (pid == 0) {
			close(ends[0]);
			detach(is_reported, ends[1]);
		}
		close(ends[1]);
		g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
		g_assert_true(WIFEXITED(status));
		g_assert_cmpint(WEXITSTATUS(status), ==, is_reported ? 7 : 1);
		g_assert_cmpint(read(ends[0], text, sizeof(text) - 1), ==, is_reported ? 5 : 0);
		g_assert_cmpstr(text, ==, is_reported ? "apart" : "");
		close(ends[0]);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/process/capture", test_capture);
	g_test_add_func("/base/process/failures", test_failures);
	g_test_add_func("/base/process/watch", test_watch);
	g_test_add_func("/base/process/watch-environment", test_watch_environment);
	g_test_add_func("/base/process/feed", test_feed);
	g_test_add_func("/base/process/watch-cannot-start", test_watch_cannot_start);
	g_test_add_func("/base/process/cancelled", test_cancelled);
	g_test_add_func("/base/process/detach", test_detach);
	return g_test_run();
}
