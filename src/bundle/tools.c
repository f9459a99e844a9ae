/* SPDX-License-Identifier: MIT */

#include "bundle/tools.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/process.h"

/* More than this of what a program complains of is repetition. */
#define MOST_COMPLAINTS 2

static bool is_pseudo(void)
{
	return g_getenv("PSEUDO_LOCALSTATEDIR") && g_strcmp0(g_getenv("PSEUDO_DISABLED"), "1") != 0;
}

bool tools_is_root(void)
{
	return geteuid() == 0 || is_pseudo();
}

/* fakeroot is a shell script that does not quote the names of its files. */
static char *make_folder(GError **error)
{
	const char *place = g_get_tmp_dir();
	bool is_safe =
		strspn(place, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "/._-") == strlen(place);
	char *folder = g_build_filename(is_safe ? place : "/tmp", "rauc-fakeroot-XXXXXX", NULL);

	if (g_mkdtemp(folder))
		return folder;
	fail_errno(error, "cannot create folder %s", folder);
	g_free(folder);
	return NULL;
}

bool tools_open(Tools *tools, bool needs_owners, GError **error)
{
	ERROR_WHILE(error, "preparing fakeroot");
	g_autofree char *program = NULL;

	*tools = TOOLS_NONE;
	if (!needs_owners || tools_is_root())
		return true;
	program = g_find_program_in_path("fakeroot");
	if (!program)
		return fail(error, FAILURE_TOOL,
		            "'convert' keeps owners, which needs root or the program fakeroot: "
		            "install fakeroot");
	tools->folder = make_folder(error);
	if (!tools->folder)
		return false;
	tools->state = g_build_filename(tools->folder, "state", NULL);
	return file_replace(tools->state, "", 0, 0600, error);
}

void tools_clear(Tools *tools)
{
	g_autoptr(GError) error = NULL;

	if (tools->folder && !file_remove_tree(tools->folder, &error))
		g_warning("%s", error->message);
	g_clear_pointer(&tools->folder, g_free);
	g_clear_pointer(&tools->state, g_free);
}

typedef struct {
	GString *text;
	unsigned n;
	bool is_loss; /* something was left out, whatever the exit code says */
} Complaints;

/* What tar says of every archive with absolute names, and after every error. */
static bool says_nothing(const char *line)
{
	return !*line || strstr(line, ": Removing leading `") ||
	       strstr(line, ": Exiting with failure status") ||
	       strstr(line, ": Error is not recoverable");
}

/* mksquashfs goes on where it cannot read something, and exits with 0. */
static bool says_loss(const char *line)
{
	static const char *const ends[] = { ", creating empty file", ", ignoring", ", skipping...",
		                            " - skipping ...", ", truncating! ..." };

	for (unsigned i = 0; i < G_N_ELEMENTS(ends); i++) {
		if (g_str_has_suffix(line, ends[i]))
			return true;
	}
	return false;
}

static void note_line(void *user, const char *line, bool is_stderr)
{
	Complaints *complaints = user;

	if (!is_stderr || says_nothing(line))
		return;
	if (says_loss(line) && !complaints->is_loss) {
		complaints->is_loss = true;
		complaints->n = 0;
		g_string_truncate(complaints->text, 0);
	}
	if (complaints->n++ < MOST_COMPLAINTS)
		g_string_append_printf(complaints->text, "%s%s", complaints->text->len ? "; " : "",
		                       line);
}

/* Some programs speak the language of the user, some do not. */
static bool says_full(const char *text)
{
	return strstr(text, "No space left on device") || strstr(text, g_strerror(ENOSPC));
}

/* tar says no more where only a part of what it wrote found room. */
static void explain(GString *text)
{
	if (strstr(text->str, ": Wrote only ") && !says_full(text->str))
		g_string_append_printf(text, " (%s)", g_strerror(ENOSPC));
}

static bool run(const char *name, GStrv argv, GError **error)
{
	g_autoptr(GString) text = g_string_new(NULL);
	g_autofree char *line = g_strjoinv(" ", argv);
	Complaints complaints = { .text = text };
	ProcessRun process = { .argv = (const char *const *)argv,
		               .line = note_line,
		               .user = &complaints };
	int code;

	g_debug("run: %s", line);
	if (!process_watch(&process, &code, error))
		return false;
	if (code == 0 && complaints.is_loss)
		return fail(error, FAILURE_IO, "%s: %s", name, text->str);
	if (code == 0) {
		if (text->len)
			g_warning("%s: %s", name, text->str);
		return true;
	}
	explain(text);
	return fail(error, says_full(text->str) ? FAILURE_NO_SPACE : FAILURE_TOOL,
	            "%s exited with %d%s%s", name, code, text->len ? ": " : "", text->str);
}

bool tools_run(const Tools *tools, GStrv argv, GError **error)
{
	g_autoptr(GStrvBuilder) words = g_strv_builder_new();

	if (tools->state)
		g_strv_builder_add_many(words, "fakeroot", "-s", tools->state, "-i", tools->state,
		                        "--", NULL);
	g_strv_builder_addv(words, (const char **)argv);
	g_auto(GStrv) all = g_strv_builder_end(words);
	return run(argv[0], all, error);
}
