/* SPDX-License-Identifier: MIT */

#include "base/keyfile.h"

#include <string.h>

#include "base/error.h"

/*
 * Taking marks a key instead of removing it: removal from a GKeyFile walks the
 * whole group, which hostile input would make quadratic.
 */
struct KeyFile {
	GKeyFile *raw;
	GHashTable *taken_keys;   /* "group]key": a group cannot contain ']' */
	GHashTable *taken_groups; /* "group" */
};

/* GKeyFile does not say which line it could not read. */
static bool refuse_line(const char *text, const GError *reason, GError **error)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (unsigned i = 0; lines[i]; i++) {
		char *line = g_strchug(lines[i]);

		if (!*line || *line == '#' || strchr(line, *line == '[' ? ']' : '='))
			continue;
		return fail(error, FAILURE_FORMAT,
		            "line %u is neither 'key=value' nor '[group]' nor a comment: %s", i + 1,
		            g_strchomp(line));
	}
	return fail(error, FAILURE_FORMAT, "%s", reason->message);
}

KeyFile *keyfile_parse(const char *data, size_t size, GError **error)
{
	if (!size)
		return fail_null(error, FAILURE_FORMAT, "Input file is empty");
	if (memchr(data, '\0', size))
		return fail_null(error, FAILURE_FORMAT, "not a text file: it contains NUL bytes");
	if (size > G_MAXSSIZE || !g_utf8_validate_len(data, size, NULL))
		return fail_null(error, FAILURE_FORMAT, "not a text file: it is not UTF-8");

	g_autoptr(KeyFile) file = g_new0(KeyFile, 1);
	g_autoptr(GError) reason = NULL;

	file->raw = g_key_file_new();
	file->taken_keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	file->taken_groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	/* Without the flag, GLib drops `key[xx]` depending on the locale. */
	if (!g_key_file_load_from_data(file->raw, data, size, G_KEY_FILE_KEEP_TRANSLATIONS,
	                               &reason)) {
		g_autofree char *text = g_strndup(data, size);

		refuse_line(text, reason, error);
		return NULL;
	}
	return g_steal_pointer(&file);
}

void keyfile_free(KeyFile *file)
{
	if (!file)
		return;
	g_clear_pointer(&file->raw, g_key_file_unref);
	g_clear_pointer(&file->taken_keys, g_hash_table_unref);
	g_clear_pointer(&file->taken_groups, g_hash_table_unref);
	g_free(file);
}

void keyfile_override(KeyFile *file, const char *group, const char *key, const char *value)
{
	g_key_file_set_value(file->raw, group, key, value);
}

static char *key_id(const char *group, const char *key)
{
	return g_strconcat(group, "]", key, NULL);
}

static bool is_taken(const KeyFile *file, const char *group, const char *key)
{
	g_autofree char *id = key_id(group, key);

	return g_hash_table_contains(file->taken_keys, id);
}

GStrv keyfile_groups(const KeyFile *file)
{
	g_autoptr(GStrvBuilder) left = g_strv_builder_new();
	g_auto(GStrv) all = g_key_file_get_groups(file->raw, NULL);

	for (char **group = all; *group; group++) {
		if (!g_hash_table_contains(file->taken_groups, *group))
			g_strv_builder_add(left, *group);
	}
	return g_strv_builder_end(left);
}

bool keyfile_has_group(const KeyFile *file, const char *group)
{
	return g_key_file_has_group(file->raw, group) &&
	       !g_hash_table_contains(file->taken_groups, group);
}

bool keyfile_has(const KeyFile *file, const char *group, const char *key)
{
	return keyfile_has_group(file, group) && g_key_file_has_key(file->raw, group, key, NULL) &&
	       !is_taken(file, group, key);
}

GStrv keyfile_keys(const KeyFile *file, const char *group)
{
	g_autoptr(GStrvBuilder) left = g_strv_builder_new();
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	g_auto(GStrv) all = NULL;

	if (keyfile_has_group(file, group))
		all = g_key_file_get_keys(file->raw, group, NULL, NULL);
	for (char **key = all; key && *key; key++) {
		/* GKeyFile lists a key that is set twice twice. */
		if (!is_taken(file, group, *key) && g_hash_table_add(seen, *key))
			g_strv_builder_add(left, *key);
	}
	return g_strv_builder_end(left);
}

void keyfile_drop(KeyFile *file, const char *group, const char *key)
{
	g_hash_table_add(file->taken_keys, key_id(group, key));
}

void keyfile_drop_group(KeyFile *file, const char *group)
{
	g_hash_table_add(file->taken_groups, g_strdup(group));
}

static bool refuse_value(const char *group, const char *key, const char *value,
                         const char *expected, GError **error)
{
	return fail(error, FAILURE_CONFIG,
	            "Invalid value '%s' for key '%s' in group '[%s]': expected %s", value, key,
	            group, expected);
}

static bool refuse_empty(const char *group, const char *key, GError **error)
{
	return fail(error, FAILURE_CONFIG, "Missing value for key '%s' in group '[%s]'", key,
	            group);
}

/* The text before GLib's escapes, without blanks around it; NULL for a key that is missing. */
static char *take_raw(KeyFile *file, const char *group, const char *key)
{
	if (!keyfile_has(file, group, key))
		return NULL;
	keyfile_drop(file, group, key);
	return g_strstrip(g_key_file_get_value(file->raw, group, key, NULL));
}

static bool refuse_escape(const KeyFile *file, const char *group, const char *key, GError **error)
{
	g_autofree char *raw = g_key_file_get_value(file->raw, group, key, NULL);

	return refuse_value(group, key, raw, "no '\\' but in \\s \\n \\t \\r \\\\", error);
}

/* A value with its escapes undone; "" where it is empty, NULL where it is missing. */
static bool take_text(KeyFile *file, const char *group, const char *key, char **value,
                      GError **error)
{
	*value = NULL;
	if (!keyfile_has(file, group, key))
		return true;
	keyfile_drop(file, group, key);

	/* GLib may return a value along with the error. */
	g_autoptr(GError) reason = NULL;
	g_autofree char *text = g_key_file_get_string(file->raw, group, key, &reason);
	if (reason)
		return refuse_escape(file, group, key, error);
	*value = g_steal_pointer(&text);
	return true;
}

bool keyfile_take_string(KeyFile *file, const char *group, const char *key, char **value,
                         GError **error)
{
	g_autofree char *text = NULL;

	*value = NULL;
	if (!take_text(file, group, key, &text, error))
		return false;
	if (text && !*text)
		return refuse_empty(group, key, error);
	*value = g_steal_pointer(&text);
	return true;
}

bool keyfile_take_required(KeyFile *file, const char *group, const char *key, char **value,
                           GError **error)
{
	if (!keyfile_take_string(file, group, key, value, error))
		return false;
	return *value ||
	       fail(error, FAILURE_CONFIG, "Missing key '%s' in group '[%s]'", key, group);
}

/* RAUC never refused a backslash in a description, so configurations have them. */
bool keyfile_take_optional(KeyFile *file, const char *group, const char *key, char **value,
                           GError **error G_GNUC_UNUSED)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) reason = NULL;

	*value = NULL;
	if (!take_text(file, group, key, &text, &reason))
		g_warning("ignoring key '%s' in group '[%s]': %s", key, group, reason->message);
	if (text && *text)
		*value = g_steal_pointer(&text);
	return true;
}

bool keyfile_take_bool(KeyFile *file, const char *group, const char *key, bool *value,
                       GError **error)
{
	g_autofree char *raw = take_raw(file, group, key);

	if (!raw)
		return true;
	if (!g_str_equal(raw, "true") && !g_str_equal(raw, "1") && !g_str_equal(raw, "false") &&
	    !g_str_equal(raw, "0"))
		return refuse_value(group, key, raw, "true or false", error);
	*value = *raw == 't' || *raw == '1';
	return true;
}

bool keyfile_take_uint64(KeyFile *file, const char *group, const char *key, uint64_t *value,
                         GError **error)
{
	g_autofree char *raw = take_raw(file, group, key);
	guint64 number;

	if (!raw)
		return true;
	if (!g_ascii_string_to_unsigned(raw, 10, 0, G_MAXUINT64, &number, NULL))
		return refuse_value(group, key, raw, "a decimal number", error);
	*value = number;
	return true;
}

bool keyfile_take_int(KeyFile *file, const char *group, const char *key, int *value, GError **error)
{
	g_autofree char *raw = take_raw(file, group, key);
	gint64 number;

	if (!raw)
		return true;
	if (!g_ascii_string_to_signed(raw, 10, G_MININT, G_MAXINT, &number, NULL))
		return refuse_value(group, key, raw, "a decimal number", error);
	*value = (int)number;
	return true;
}

/* 2^10 for K, … 2^40 for T; 0 for anything else. */
static unsigned suffix_shift(char letter)
{
	static const char letters[] = "KMGT";
	const char *at = letter ? strchr(letters, g_ascii_toupper(letter)) : NULL;

	return at ? 10 * (unsigned)(at - letters + 1) : 0;
}

bool keyfile_take_size(KeyFile *file, const char *group, const char *key, uint64_t *value,
                       GError **error)
{
	static const char expected[] = "a decimal number below 2^64 with an optional K, M, G or T";
	g_autofree char *raw = take_raw(file, group, key);

	if (!raw)
		return true;

	size_t n_digits = strspn(raw, "0123456789");
	g_autofree char *digits = g_strndup(raw, n_digits);
	unsigned shift = suffix_shift(raw[n_digits]);
	const char *rest = raw + n_digits + (shift ? 1 : 0);
	guint64 number;

	if (!g_ascii_string_to_unsigned(digits, 10, 0, G_MAXUINT64 >> shift, &number, NULL))
		return refuse_value(group, key, raw, expected, error);
	if (*rest) /* RAUC has always read "64MiB" as 64M, so configurations rely on it */
		g_warning("key '%s' in group '[%s]': ignoring '%s' after the size", key, group,
		          rest);
	*value = number << shift;
	return true;
}

bool keyfile_take_list(KeyFile *file, const char *group, const char *key, GStrv *value,
                       GError **error)
{
	*value = NULL;
	if (!keyfile_has(file, group, key))
		return true;
	keyfile_drop(file, group, key);

	g_autoptr(GError) reason = NULL;
	g_auto(GStrv) list = g_key_file_get_string_list(file->raw, group, key, NULL, &reason);
	if (reason)
		return refuse_escape(file, group, key, error);
	*value = g_steal_pointer(&list);
	return true;
}

/* Which of the two is meant nobody can know. GKeyFile lists both, and merges groups. */
static bool check_once(const KeyFile *file, const char *group, GError **error)
{
	g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
	g_auto(GStrv) all = g_key_file_get_keys(file->raw, group, NULL, NULL);

	for (char **key = all; key && *key; key++) {
		if (!g_hash_table_add(seen, *key))
			return fail(error, FAILURE_CONFIG,
			            "Invalid key '%s' in group '[%s]': it is there twice", *key,
			            group);
	}
	return true;
}

bool keyfile_end_group(KeyFile *file, const char *group, GError **error)
{
	g_auto(GStrv) left = keyfile_keys(file, group);

	if (!check_once(file, group, error))
		return false;
	if (*left)
		return fail(error, FAILURE_CONFIG, "Invalid key '%s' in group '[%s]'", *left,
		            group);
	keyfile_drop_group(file, group);
	return true;
}

bool keyfile_end(KeyFile *file, GError **error)
{
	g_auto(GStrv) left = keyfile_groups(file);

	return !*left || fail(error, FAILURE_CONFIG, "Invalid group '[%s]'", *left);
}
