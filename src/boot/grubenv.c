/* SPDX-License-Identifier: MIT */

#include "boot/grubenv.h"

#include <stdint.h>
#include <string.h>

#define HEADER      "# GRUB Environment Block\n"
#define HEADER_SIZE (sizeof(HEADER) - 1)

/* Offsets into a block: name is [start, equals), value (equals, end), end is the newline. */
typedef struct {
	size_t start, equals, end;
} Line;

/* The next line from `*at` on, if it is complete. Without '=': equals is end. */
static bool next_line(const char *bytes, size_t size, size_t *at, Line *line)
{
	bool is_comment = *at < size && bytes[*at] == '#';
	size_t i = *at;

	*line = (Line){ .start = *at, .equals = SIZE_MAX };
	for (; i < size && bytes[i] != '\n'; i++) {
		if (bytes[i] == '=' && line->equals == SIZE_MAX)
			line->equals = i;
		if (bytes[i] == '\\' && !is_comment)
			i++;
	}
	if (i >= size)
		return false;
	line->end = i;
	if (line->equals == SIZE_MAX)
		line->equals = i;
	*at = i + 1;
	return true;
}

static bool is_comment(const char *bytes, const Line *line)
{
	return bytes[line->start] == '#';
}

static bool is_variable(const char *bytes, const Line *line)
{
	if (line->equals == line->end || line->equals == line->start)
		return false;
	for (size_t i = line->start; i < line->equals; i++) {
		if (!g_ascii_isgraph(bytes[i]) || bytes[i] == '\\')
			return false;
	}
	for (size_t i = line->equals + 1; i < line->end; i++) {
		bool is_escaped_newline = bytes[i] == '\n'; /* a bare one would end the line */

		if (g_ascii_iscntrl(bytes[i]) && bytes[i] != '\t' && !is_escaped_newline)
			return false;
	}
	return true;
}

static bool is_named(const char *bytes, const Line *line, const char *name)
{
	size_t length = strlen(name);

	return is_variable(bytes, line) && line->equals - line->start == length &&
	       memcmp(bytes + line->start, name, length) == 0;
}

static size_t count_free(const char *bytes, size_t size)
{
	size_t n = 0;

	while (n < size && bytes[size - 1 - n] == '#')
		n++;
	return n;
}

/* What keeps these bytes from being a block both GRUB and we read the same way, or NULL. */
static char *find_damage(const char *bytes, size_t size)
{
	g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	size_t used = size - count_free(bytes, size), at = HEADER_SIZE;
	Line line;

	if (size < GRUBENV_SIZE)
		return g_strdup_printf("has %zu bytes instead of %d", size, GRUBENV_SIZE);
	if (memcmp(bytes, HEADER, HEADER_SIZE) != 0)
		return g_strdup("has no GRUB header");
	while (at < used) {
		size_t start = at;

		if (!next_line(bytes, used, &at, &line))
			return g_strdup_printf("has an incomplete line at byte %zu", start);
		if (is_comment(bytes, &line))
			continue;
		if (!is_variable(bytes, &line))
			return g_strdup_printf("has a line that is no variable at byte %zu", start);
		if (!g_hash_table_add(seen,
		                      g_strndup(bytes + line.start, line.equals - line.start)))
			return g_strdup_printf("names a variable twice, again at byte %zu", start);
	}
	return NULL;
}

static char *unescape(const char *bytes, size_t size)
{
	GString *plain = g_string_sized_new(size);

	for (size_t i = 0; i < size; i++) {
		if (bytes[i] == '\\' && i + 1 < size)
			i++;
		g_string_append_c(plain, bytes[i]);
	}
	return g_string_free(plain, FALSE);
}

static char *make_line(const char *name, const char *value)
{
	GString *line = g_string_new(name);

	g_string_append_c(line, '=');
	for (; *value; value++) {
		if (*value == '\\' || *value == '\n')
			g_string_append_c(line, '\\');
		g_string_append_c(line, *value);
	}
	return g_string_free(g_string_append_c(line, '\n'), FALSE);
}

/* Every line that still is a variable; of two with one name the later, as in GRUB. */
static void salvage(Grubenv *env, const char *bytes, size_t size)
{
	size_t at = 0;
	Line line;

	while (next_line(bytes, size, &at, &line)) {
		if (line.end > line.equals && bytes[line.end - 1] == '\r')
			line.end--; /* an editor was here */
		if (is_comment(bytes, &line) || !is_variable(bytes, &line))
			continue;

		g_autofree char *name = g_strndup(bytes + line.start, line.equals - line.start);
		g_autofree char *value =
			unescape(bytes + line.equals + 1, line.end - line.equals - 1);
		grubenv_set(env, name, value);
	}
}

Grubenv *grubenv_parse(const char *bytes, size_t size)
{
	Grubenv *env = g_new0(Grubenv, 1);

	env->damage = find_damage(bytes, size);
	env->size = MAX(size, GRUBENV_SIZE);
	env->bytes = g_malloc(env->size);
	if (!env->damage) {
		memcpy(env->bytes, bytes, size);
		return env;
	}
	memset(env->bytes, '#', env->size);
	memcpy(env->bytes, HEADER, HEADER_SIZE);
	salvage(env, bytes, size);
	return env;
}

void grubenv_free(Grubenv *env)
{
	if (!env)
		return;
	g_free(env->bytes);
	g_free(env->damage);
	g_free(env);
}

static bool find(const Grubenv *env, const char *name, Line *line)
{
	size_t at = HEADER_SIZE;

	while (next_line(env->bytes, env->size, &at, line)) {
		if (!is_comment(env->bytes, line) && is_named(env->bytes, line, name))
			return true;
	}
	return false;
}

char *grubenv_get(const Grubenv *env, const char *name)
{
	Line line;

	if (!find(env, name, &line))
		return NULL;
	return unescape(env->bytes + line.equals + 1, line.end - line.equals - 1);
}

bool grubenv_set(Grubenv *env, const char *name, const char *value)
{
	g_autofree char *text = make_line(name, value);
	size_t n_free = count_free(env->bytes, env->size), length = strlen(text), old = 0;
	size_t used = env->size - n_free, at = used;
	Line line;

	if (find(env, name, &line)) {
		at = line.start;
		old = line.end + 1 - line.start;
	}
	if (length > old && length - old > n_free)
		return false;
	memmove(env->bytes + at + length, env->bytes + at + old, used - at - old);
	memcpy(env->bytes + at, text, length);
	used = used - old + length;
	memset(env->bytes + used, '#', env->size - used);
	return true;
}
