/* SPDX-License-Identifier: MIT */

#include "base/version.h"

#include <string.h>

#include "base/error.h"

typedef struct {
	guint64 core[3];
	GStrv pre_release; /* NULL: a release */
} Version;

static void version_clear(Version *version)
{
	g_clear_pointer(&version->pre_release, g_strfreev);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Version, version_clear)

/* Cut `text` at its last `mark`; what follows, or NULL. */
static char *cut_at_last(char *text, char mark)
{
	char *at = strrchr(text, mark);

	if (!at)
		return NULL;
	*at = '\0';
	return at + 1;
}

static bool parse(const char *text, Version *version)
{
	if (!text)
		return false;

	g_autofree char *core = g_strdup(text);
	cut_at_last(core, '+');
	const char *pre_release = cut_at_last(core, '-');
	g_auto(GStrv) numbers = g_strsplit(core, ".", G_N_ELEMENTS(version->core));

	if (!*numbers)
		return false;
	for (unsigned i = 0; numbers[i]; i++) {
		if (!g_ascii_string_to_unsigned(numbers[i], 10, 0, G_MAXUINT64, &version->core[i],
		                                NULL))
			return false;
	}
	if (pre_release)
		version->pre_release = g_strsplit(pre_release, ".", -1);
	return true;
}

static bool is_number(const char *field)
{
	return *field && strspn(field, "0123456789") == strlen(field);
}

/* Of any length: numbers in pre-releases are often dates and build counts. */
static int compare_numbers(const char *a, const char *b)
{
	a += strspn(a, "0");
	b += strspn(b, "0");

	size_t a_length = strlen(a), b_length = strlen(b);
	if (a_length != b_length)
		return a_length < b_length ? -1 : 1;
	return strcmp(a, b);
}

static int compare_fields(const char *a, const char *b)
{
	if (is_number(a) && is_number(b))
		return compare_numbers(a, b);
	if (is_number(a) || is_number(b))
		return is_number(a) ? -1 : 1;
	return strcmp(a, b);
}

static int compare_pre_releases(GStrv a, GStrv b)
{
	if (!a || !b)
		return !!b - !!a; /* a release is newer than what came before it */
	for (; *a && *b; a++, b++) {
		int order = compare_fields(*a, *b);

		if (order)
			return order;
	}
	return !!*a - !!*b;
}

static int compare(const Version *a, const Version *b)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(a->core); i++) {
		if (a->core[i] != b->core[i])
			return a->core[i] < b->core[i] ? -1 : 1;
	}
	return compare_pre_releases(a->pre_release, b->pre_release);
}

bool version_is_valid(const char *version)
{
	g_auto(Version) parsed = { 0 };

	return parse(version, &parsed);
}

static bool refuse(const char *which, const char *text, GError **error)
{
	return fail(error, FAILURE_CONFIG,
	            "Failed to parse semantic version %s for comparison: '%s' is not "
	            "Major[.Minor[.Patch]][-pre-release][+build]",
	            which, text ? text : "");
}

bool version_compare(const char *a, const char *b, int *order, GError **error)
{
	g_auto(Version) first = { 0 }, second = { 0 };

	if (!parse(a, &first))
		return refuse("A", a, error);
	if (!parse(b, &second))
		return refuse("B", b, error);
	*order = compare(&first, &second);
	return true;
}
