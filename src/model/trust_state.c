/* SPDX-License-Identifier: MIT */

#include "model/trust_state.h"

#include <string.h>

#include "base/error.h"

#define HEADER   "moonforge-rauc trust 1\n"
#define CHECKSUM "sha256="

enum { HEX_DIGITS = 64 };

static const char *const sources[] = {
	[TRUST_STATE_UNKNOWN] = "unknown",
	[TRUST_STATE_BUILD] = "build",
	[TRUST_STATE_SIGNING] = "signing",
	[TRUST_STATE_SYNC] = "sync",
};

const char *trust_state_source_name(TrustStateSource source)
{
	return (unsigned)source < G_N_ELEMENTS(sources) ? sources[source] : "unknown";
}

char *trust_state_format(const TrustState *state)
{
	GString *text = g_string_new(HEADER);

	g_string_append_printf(text,
	                       "sequence=%" G_GUINT64_FORMAT "\ntime-floor=%" G_GINT64_FORMAT
	                       "\ntime-source=%s\nsecurity-epoch=%u\n",
	                       state->sequence, state->time_floor,
	                       trust_state_source_name(state->time_source), state->security_epoch);
	g_autofree char *sum =
		g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text->str,
	                                    (gsize)text->len);
	g_string_append_printf(text, CHECKSUM "%s\n", sum);
	return g_string_free(text, FALSE);
}

/* The lines between header and checksum, or NULL: not one byte may be missing or different. */
static char *checked_lines(const char *text, size_t size)
{
	enum { TAIL = sizeof(CHECKSUM) - 1 + HEX_DIGITS + 1 };

	if (size < sizeof(HEADER) - 1 + TAIL || size > TRUST_STATE_MAX ||
	    memcmp(text, HEADER, sizeof(HEADER) - 1) != 0 || memchr(text, '\0', size))
		return NULL;

	size_t covered = size - TAIL;
	g_autofree char *sum =
		g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)text, covered);
	g_autofree char *tail = g_strconcat(CHECKSUM, sum, "\n", NULL);
	if (text[covered - 1] != '\n' || memcmp(text + covered, tail, TAIL) != 0)
		return NULL;
	return g_strndup(text + sizeof(HEADER) - 1, covered - (sizeof(HEADER) - 1));
}

/* The value of a line that must be there once. */
static const char *find_value(const GStrv lines, const char *key)
{
	const char *value = NULL;
	size_t length = strlen(key);

	for (char **line = lines; *line; line++) {
		if (strncmp(*line, key, length) != 0 || (*line)[length] != '=')
			continue;
		if (value)
			return NULL;
		value = *line + length + 1;
	}
	return value;
}

static bool take_number(const GStrv lines, const char *key, uint64_t most, uint64_t *number)
{
	const char *value = find_value(lines, key);
	guint64 found = 0;

	if (!value || !g_ascii_string_to_unsigned(value, 10, 0, most, &found, NULL))
		return false;
	*number = found;
	return true;
}

static bool take_source(const GStrv lines, TrustStateSource *source)
{
	const char *value = find_value(lines, "time-source");

	for (unsigned i = 0; value && i < G_N_ELEMENTS(sources); i++) {
		if (g_str_equal(value, sources[i])) {
			*source = i;
			return true;
		}
	}
	return false;
}

bool trust_state_parse(const char *text, size_t size, TrustState *state, GError **error)
{
	g_autofree char *body = checked_lines(text, size);
	uint64_t sequence, time, epoch;
	TrustStateSource source;

	if (!body)
		return fail(error, FAILURE_FORMAT, "header or checksum is wrong");

	g_auto(GStrv) lines = g_strsplit(body, "\n", -1);
	if (!take_number(lines, "sequence", G_MAXINT64, &sequence) ||
	    !take_number(lines, "time-floor", G_MAXINT64, &time) || !take_source(lines, &source) ||
	    !take_number(lines, "security-epoch", G_MAXUINT32, &epoch))
		return fail(error, FAILURE_FORMAT, "a value is missing, doubled or malformed");
	*state = (TrustState){
		.sequence = sequence,
		.time_floor = (int64_t)time,
		.time_source = source,
		.security_epoch = (uint32_t)epoch,
	};
	return true;
}

TrustState trust_state_join(const TrustState *one, const TrustState *other)
{
	static const TrustState nothing;
	const TrustState *late = one ? one : &nothing, *early = other ? other : &nothing;

	if (late->sequence < early->sequence) {
		const TrustState *swap = late;

		late = early;
		early = swap;
	}

	TrustState joined = *late;
	trust_state_raise_time(&joined, early->time_floor, early->time_source);
	return joined;
}

bool trust_state_raise_time(TrustState *state, int64_t time, TrustStateSource source)
{
	if (time <= state->time_floor)
		return false;
	state->time_floor = time;
	state->time_source = source;
	return true;
}

bool trust_state_raise_epoch(TrustState *state, uint32_t epoch)
{
	if (epoch <= state->security_epoch)
		return false;
	state->security_epoch = epoch;
	return true;
}
