/* SPDX-License-Identifier: MIT */

#include "writer/tar.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "crypto/digest.h"

#define PIECE      (1 << 20)
#define MOST_NAMED 1000 /* files that differ, remembered by name */

/* Chapter 7.2. */
static const struct {
	const char *suffix, *flag, *program;
} kinds[] = {
	{ ".gz", "-z", "gzip" },      { ".tgz", "-z", "gzip" },      { ".taz", "-z", "gzip" },
	{ ".Z", "-Z", "compress" },   { ".taZ", "-Z", "compress" },  { ".bz2", "-j", "bzip2" },
	{ ".tbz", "-j", "bzip2" },    { ".tbz2", "-j", "bzip2" },    { ".tz2", "-j", "bzip2" },
	{ ".lz", "--lzip", "lzip" },  { ".lzma", "--lzma", "lzma" }, { ".tlz", "--lzma", "lzma" },
	{ ".lzo", "--lzop", "lzop" }, { ".xz", "-J", "xz" },         { ".txz", "-J", "xz" },
	{ ".zst", "--zstd", "zstd" }, { ".tzst", "--zstd", "zstd" },
};

const char *tar_flag(const char *filename, const char **program)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
		if (!g_str_has_suffix(filename, kinds[i].suffix))
			continue;
		*program = kinds[i].program;
		return kinds[i].flag;
	}
	*program = NULL;
	return NULL;
}

static bool need(const char *program, const char *why, GError **error)
{
	g_autofree char *path = g_find_program_in_path(program);

	return path ||
	       fail(error, FAILURE_TOOL, "there is no %s on this system, which %s", program, why);
}

bool tar_check(const char *filename, bool compares, GError **error)
{
	const char *program;

	tar_flag(filename, &program);
	if (!need("tar", "unpacks the archive", error) ||
	    (program && !need(program, "decompresses the archive", error)))
		return false;
	if (!compares)
		return true;
	g_autofree char *version = process_capture(error, "tar", "--version", NULL);
	if (!version)
		return false;
	return strstr(version, "GNU tar") ||
	       fail(error, FAILURE_TOOL,
	            "the tar of this system cannot compare an archive with its files, GNU tar can: "
	            "install that, or set verify-written=false");
}

typedef struct {
	const TarJob *job;
	uint8_t *piece;
	uint64_t at;
	Digest *digest;
	char *complaint; /* first line on stderr */
	/* What tar_compare() found. */
	bool listens;
	GHashTable *differs; /* member -> in what */
	bool has_members;
	bool has_ignored; /* differences that do not count */
	bool has_missing, has_overflow, has_unread;
} Reader;

static bool next_piece(void *user, const void **piece, size_t *size, GError **error)
{
	Reader *reader = user;
	Source *bytes = reader->job->bytes;

	*size = (size_t)MIN(bytes->size - reader->at, (uint64_t)PIECE);
	if (*size == 0)
		return true;
	if (!source_read_at(bytes, reader->piece, *size, reader->at, error))
		return false;
	reader->at += *size;
	source_prefetch(bytes, MIN(bytes->size - reader->at, (uint64_t)PIECE), reader->at);
	if (reader->digest)
		digest_update(reader->digest, reader->piece, *size);
	progress_bytes(reader->job->progress, reader->job->done + reader->at, reader->job->total);
	*piece = reader->piece;
	return true;
}

/* Only content counts where the file system knows no owners, and times never do. */
static bool is_ignored(const Reader *reader, const char *what)
{
	static const char *const owners[] = { "Mode differs", "Uid differs", "Gid differs" };

	if (g_str_equal(what, "Mod time differs"))
		return true;
	for (unsigned i = 0; i < G_N_ELEMENTS(owners) && !reader->job->has_owners; i++) {
		if (g_str_equal(what, owners[i]))
			return true;
	}
	return false;
}

/* `"name"`, or `"name": Contents differ`: the name without quotes, and what is said of it (NULL:
 * nothing). In the second form only, tar escapes colons too. NULL: cut off, or no such line. */
static char *take_name(const char *text, const char **what)
{
	g_autoptr(GString) name = g_string_new(NULL);

	if (*text++ != '"')
		return NULL;
	for (; *text && *text != '"'; text++) {
		if (*text == '\\' && text[1] == ':')
			text++;
		else if (*text == '\\' && text[1])
			g_string_append_c(name, *text++);
		g_string_append_c(name, *text);
	}
	if (!*text || (text[1] && strncmp(text + 1, ": ", 2) != 0))
		return NULL;
	*what = text[1] ? text + 3 : NULL;
	return g_string_free(g_steal_pointer(&name), FALSE);
}

/* Each member by its name, and then a line for each thing it differs in. */
static void take_compared(Reader *reader, const char *text)
{
	const char *what = NULL;
	g_autofree char *name = take_name(text, &what);

	reader->has_members = true;
	if (!name)
		reader->has_unread = true;
	else if (!what) /* a later member of a name is what the archive leaves in the end */
		reader->has_ignored |= g_hash_table_remove(reader->differs, name);
	else if (is_ignored(reader, what))
		reader->has_ignored = true;
	else if (g_hash_table_size(reader->differs) < MOST_NAMED)
		g_hash_table_replace(reader->differs, g_steal_pointer(&name), g_strdup(what));
	else
		reader->has_overflow = true;
}

static void take_line(void *user, const char *text, bool is_stderr)
{
	Reader *reader = user;

	if (!is_stderr) {
		if (reader->listens)
			take_compared(reader, text);
		return;
	}
	g_debug("%s", text);
	if (reader->listens && strstr(text, ": Warning: Cannot "))
		reader->has_missing = true;
	/* The last one only says that there was something before it; names stripped of their
	 * leading '/' or '../' are no reason. */
	if (!reader->complaint && *text && !g_str_has_prefix(text, "tar: Removing leading"))
		reader->complaint = g_strdup(g_str_has_prefix(text, "tar: ") ? text + 5 : text);
}

static bool run_tar(Reader *reader, const char *verb, const char *quoting, int *code,
                    GError **error)
{
	const TarJob *job = reader->job;
	const char *program;
	const char *flag = tar_flag(job->filename, &program);
	const char *argv[9] = { "tar", verb, "-", "-C", job->folder, "--numeric-owner" };
	g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
	ProcessRun run = { .argv = argv,
		           .cancel = job->cancel,
		           .line = take_line,
		           .feed = next_piece,
		           .user = reader };

	argv[6] = flag ? flag : quoting;
	argv[7] = flag ? quoting : NULL;
	env = g_environ_unsetenv(env, "TAR_OPTIONS");
	run.env = (const char *const *)env;
	reader->piece = g_malloc(PIECE);
	return process_watch(&run, code, error);
}

static void reader_clear(Reader *reader)
{
	g_free(reader->piece);
	g_free(reader->complaint);
	digest_free(reader->digest);
	if (reader->differs)
		g_hash_table_unref(reader->differs);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Reader, reader_clear)

static bool complain(const Reader *reader, int code, GError **error)
{
	return fail(error, FAILURE_TOOL, "tar: %s (exit code %d)",
	            reader->complaint ? reader->complaint : "failed without a word", code);
}

/* tar may end before the archive does; the digest is over all of it. */
static bool check_digest(Reader *reader, GError **error)
{
	uint8_t hash[DIGEST_SIZE];
	const void *piece;
	size_t size;

	do {
		if (!next_piece(reader, &piece, &size, error))
			return false;
	} while (size > 0);
	digest_finish(reader->digest, hash);
	g_autofree char *hex = digest_hex(hash, sizeof(hash));
	return !reader->job->sha256 || g_ascii_strcasecmp(hex, reader->job->sha256) == 0 ||
	       fail(error, FAILURE_INTEGRITY, "image digest is %s, but the manifest says %s", hex,
	            reader->job->sha256);
}

bool tar_extract(const TarJob *job, GError **error)
{
	g_auto(Reader) reader = { .job = job, .digest = digest_new() };
	int code;

	if (!run_tar(&reader, "xf", NULL, &code, error))
		return false;
	if (code != 0)
		return complain(&reader, code, error);
	return check_digest(&reader, error);
}

static bool judge(const Reader *reader, int code, GError **error)
{
	GHashTableIter iter;
	gpointer member, what;

	/* What is no archive at all can look like an empty one to tar. */
	if (code == 0 && !reader->has_members)
		return fail(error, FAILURE_FORMAT, "archive '%s' has nothing in it",
		            reader->job->filename);
	if (reader->has_missing)
		return fail(error, FAILURE_INTEGRITY,
		            "archive '%s' was unpacked, but read back a file is missing: %s",
		            reader->job->filename, reader->complaint);
	g_hash_table_iter_init(&iter, reader->differs);
	if (g_hash_table_iter_next(&iter, &member, &what))
		return fail(error, FAILURE_INTEGRITY,
		            "archive '%s' was unpacked, but read back '%s' is not what the archive "
		            "has: %s (%s%u in all)",
		            reader->job->filename, (const char *)member, (const char *)what,
		            reader->has_overflow ? "more than " : "",
		            g_hash_table_size(reader->differs));
	return code == 0 || (reader->has_ignored && !reader->has_unread) ||
	       complain(reader, code, error);
}

bool tar_compare(const TarJob *job, GError **error)
{
	g_auto(Reader) reader = { .job = job, .listens = true };
	int code;

	reader.differs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
	if (!run_tar(&reader, "dvf", "--quoting-style=c", &code, error))
		return false;
	/* 0: all the same, 1: something differs; whatever is more is trouble. */
	return code > 1 ? complain(&reader, code, error) : judge(&reader, code, error);
}
