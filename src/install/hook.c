/* SPDX-License-Identifier: MIT */

#include "install/hook.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"

#define REJECTED 10 /* exit codes from here on are a "no", below them a failure */

#define MOST_LOGGED 1000 /* lines: who floods us does not flood the journal */
#define N_LINES     3    /* of what a program said last: part of the error */

typedef struct {
	unsigned n_lines;
	GQueue out, err;             /* the last lines of either stream */
	const InstallEvents *events; /* NULL: lines are only logged */
} Listener;

static void listener_clear(Listener *listener)
{
	g_queue_clear_full(&listener->out, g_free);
	g_queue_clear_full(&listener->err, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Listener, listener_clear)

static void listen_to(void *user, const char *text, bool is_stderr)
{
	Listener *listener = user;
	GQueue *said = is_stderr ? &listener->err : &listener->out;

	if (listener->n_lines < MOST_LOGGED)
		g_message("# %s", text);
	else if (listener->n_lines == MOST_LOGGED)
		g_message("# (it goes on, but is no longer logged)");
	listener->n_lines++;
	if (!*text)
		return;
	g_queue_push_tail(said, g_strdup(text));
	if (said->length > N_LINES)
		g_free(g_queue_pop_head(said));
}

/* "<before>line / line / line)", or "" where it said nothing. What it complains of counts more than
 * what it tells, and the two come by different ways: nobody knows their order. */
static char *quote_lines(const Listener *listener, const char *before)
{
	const GQueue *said = listener->err.length ? &listener->err : &listener->out;
	g_autoptr(GString) text = g_string_new(NULL);

	for (GList *line = said->head; line; line = line->next)
		g_string_append_printf(text, "%s%s", line->prev ? " / " : before,
		                       (const char *)line->data);
	if (text->len)
		g_string_append_c(text, ')');
	return g_string_free(g_steal_pointer(&text), FALSE);
}

/* It had no exit code: killed, or its time was over. */
static void add_lines(const Listener *listener, GError **error)
{
	g_autofree char *lines = quote_lines(listener, " (");

	if (!error || !*error)
		return;
	g_autoptr(GError) reason = g_steal_pointer(error);
	fail(error, reason->code, "%s%s", reason->message, lines);
}

static unsigned time_limit(const EnvironmentFacts *facts)
{
	return (unsigned)system_config(facts->system)->handler_timeout_sec;
}

static bool run_hook(const EnvironmentFacts *facts, const char *verb, GStrv env, int *code,
                     Listener *listener, GError **error)
{
	const char *name = bundle_manifest(facts->bundle)->hook_filename;
	g_autofree char *path = g_build_filename(facts->content, name, NULL);
	const char *argv[] = { path, verb, NULL };
	ProcessRun run = { .argv = argv,
		           .env = (const char *const *)env,
		           .seconds = time_limit(facts),
		           .cancel = facts->cancel,
		           .line = listen_to,
		           .user = listener };

	if (process_watch(&run, code, error))
		return true;
	add_lines(listener, error);
	return false;
}

bool hook_check(const EnvironmentFacts *facts, GError **error)
{
	g_auto(GStrv) env = environment_for_check(facts);
	g_auto(Listener) listener = { 0 };
	int code = 0;

	if (!run_hook(facts, "install-check", env, &code, &listener, error)) {
		g_prefix_error(error, "Install-check hook failed: failed to run bundle hook: ");
		return false;
	}
	if (code == 0)
		return true;
	if (code < REJECTED) {
		g_autofree char *lines = quote_lines(&listener, " (");

		return fail(error, FAILURE_TOOL,
		            "Install-check hook failed: failed to run bundle hook: Child process "
		            "exited with code %d%s",
		            code, lines);
	}
	if (listener.err.length)
		return fail(error, FAILURE_REJECTED, "Bundle rejected: Hook returned: '%s'",
		            (const char *)g_queue_peek_tail(&listener.err));
	return fail(error, FAILURE_REJECTED,
	            "Bundle rejected: Hook returned with exit code %d: it said nothing", code);
}

bool hook_run_slot(const EnvironmentFacts *facts, const char *verb, const Image *image,
                   const Slot *slot, const char *mount_point, GError **error)
{
	g_auto(GStrv) env = environment_for_slot(facts, image, slot, mount_point);
	g_auto(Listener) listener = { 0 };
	int code = 0;

	if (!run_hook(facts, verb, env, &code, &listener, error)) {
		g_prefix_error(error, "failed to start slot hook: ");
		return false;
	}
	if (code == 0)
		return true;
	g_autofree char *before = g_strconcat(" (", verb, ": ", NULL);
	g_autofree char *lines = quote_lines(&listener, before);
	g_autofree char *alone = g_strconcat(" (", verb, ")", NULL);
	return fail(error, FAILURE_TOOL,
	            "failed to run slot hook: Child process exited with code %d%s", code,
	            *lines ? lines : alone);
}

/* "<< handler ok" and the like; see chapter 8.3. */
static char *status_text(const char *line)
{
	static const struct {
		const char *word, *text;
		unsigned n_words; /* that must follow */
	} kinds[] = {
		{ "handler", "Handler status: ", 1 },
		{ "image", "Image ", 2 },
		{ "bootloader", "Bootloader status: ", 1 },
		{ "error", "Error: ", 1 },
		{ "debug", "Debug: ", 1 },
	};
	g_auto(GStrv) words = g_strsplit(line, " ", 5);
	unsigned n = g_strv_length(words);

	if (n < 2)
		return NULL;
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (!g_str_equal(words[1], kinds[i].word) || n < 2 + kinds[i].n_words)
			continue;
		if (kinds[i].n_words == 2)
			return g_strdup_printf("Image '%s' status: %s", words[2], words[3]);
		return g_strconcat(kinds[i].text, strstr(line, words[1]) + strlen(words[1]) + 1,
		                   NULL);
	}
	return g_strdup_printf("Unknown handler output: %s", line);
}

static void listen_to_handler(void *user, const char *text, bool is_stderr)
{
	Listener *listener = user;

	if (!g_str_has_prefix(text, "<< ")) {
		listen_to(user, text, is_stderr);
		return;
	}
	g_autofree char *status = status_text(text);
	if (status && listener->events->message)
		listener->events->message(listener->events->user, status);
}

bool hook_run_handler(const EnvironmentFacts *facts, const GPtrArray *target, const char *path,
                      const char *words, const InstallEvents *events, GError **error)
{
	g_auto(GStrv) env = environment_for_handlers(facts, target);
	g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
	g_autoptr(GError) reason = NULL;
	g_auto(GStrv) extra = NULL;
	g_auto(Listener) listener = { .events = events };
	int code = 0;

	if (words && *words && !g_shell_parse_argv(words, NULL, &extra, &reason))
		return fail(error, FAILURE_CONFIG, "arguments of %s: %s", path, reason->message);
	g_strv_builder_add(argv, path);
	for (char **word = extra; word && *word; word++)
		g_strv_builder_add(argv, *word);
	g_auto(GStrv) all = g_strv_builder_end(argv);
	ProcessRun run = { .argv = (const char *const *)all,
		           .env = (const char *const *)env,
		           .seconds = time_limit(facts),
		           .cancel = facts->cancel,
		           .line = listen_to_handler,
		           .user = &listener };

	if (!process_watch(&run, &code, error)) {
		add_lines(&listener, error);
		return false;
	}
	if (code == 0)
		return true;
	g_autofree char *lines = quote_lines(&listener, " (");
	return fail(error, FAILURE_TOOL, "%s: Child process exited with code %d%s", path, code,
	            lines);
}
