/* SPDX-License-Identifier: MIT */

#include "install/hook.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"

#define REJECTED 10 /* exit codes from here on are a "no", below them a failure */

typedef struct {
	char *last;                  /* line of stderr */
	const InstallEvents *events; /* NULL: lines are only logged */
} Listener;

static void listen_to(void *user, const char *text, bool is_stderr)
{
	Listener *listener = user;

	g_message("# %s", text);
	if (!is_stderr || !*text)
		return;
	g_free(listener->last);
	listener->last = g_strdup(text);
}

static unsigned time_limit(const EnvironmentFacts *facts)
{
	return (unsigned)system_config(facts->system)->handler_timeout_sec;
}

static bool run_hook(const EnvironmentFacts *facts, const char *verb, GStrv env, int *code,
                     char **last, GError **error)
{
	const char *name = bundle_manifest(facts->bundle)->hook_filename;
	g_autofree char *path = g_build_filename(facts->content, name, NULL);
	const char *argv[] = { path, verb, NULL };
	Listener listener = { 0 };
	ProcessRun run = { .argv = argv,
		           .env = (const char *const *)env,
		           .seconds = time_limit(facts),
		           .line = listen_to,
		           .user = &listener };
	bool ok = process_watch(&run, code, error);

	*last = listener.last;
	return ok;
}

bool hook_check(const EnvironmentFacts *facts, GError **error)
{
	g_auto(GStrv) env = environment_for_check(facts);
	g_autofree char *last = NULL;
	int code = 0;

	if (!run_hook(facts, "install-check", env, &code, &last, error)) {
		g_prefix_error(error, "Install-check hook failed: failed to run bundle hook: ");
		return false;
	}
	if (code == 0)
		return true;
	if (code < REJECTED)
		return fail(error, FAILURE_TOOL,
		            "Install-check hook failed: failed to run bundle hook: Child process "
		            "exited with code %d%s%s%s",
		            code, last ? " (" : "", last ? last : "", last ? ")" : "");
	if (last)
		return fail(error, FAILURE_REJECTED, "Bundle rejected: Hook returned: '%s'", last);
	return fail(error, FAILURE_REJECTED,
	            "Bundle rejected: Hook returned with exit code %d: it said nothing", code);
}

bool hook_run_slot(const EnvironmentFacts *facts, const char *verb, const Image *image,
                   const Slot *slot, const char *mount_point, GError **error)
{
	g_auto(GStrv) env = environment_for_slot(facts, image, slot, mount_point);
	g_autofree char *last = NULL;
	int code = 0;

	if (!run_hook(facts, verb, env, &code, &last, error)) {
		g_prefix_error(error, "failed to start slot hook: ");
		return false;
	}
	if (code == 0)
		return true;
	return fail(error, FAILURE_TOOL,
	            "failed to run slot hook: Child process exited with code %d (%s%s%s)", code,
	            verb, last ? ": " : "", last ? last : "");
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
	Listener listener = { .events = events };
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
		           .line = listen_to_handler,
		           .user = &listener };

	bool ok = process_watch(&run, &code, error);
	g_autofree char *last = listener.last;
	if (!ok || code == 0)
		return ok;
	return fail(error, FAILURE_TOOL, "%s: Child process exited with code %d%s%s%s", path, code,
	            last ? " (" : "", last ? last : "", last ? ")" : "");
}
