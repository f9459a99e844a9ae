/* SPDX-License-Identifier: MIT */

#include "model/epoch.h"

#include <string.h>

#include "base/error.h"

#define LABEL      "moonforge"
#define EPOCH      "security-epoch"
#define FROM       "security-epoch-downgrade-from"
#define UNTIL      "security-epoch-downgrade-until"
#define SEPARATORS " ;"

static bool malformed(const char *key, const char *value, const char *expected, GError **error)
{
	return fail(error, FAILURE_CONFIG,
	            "Invalid value '%s' for key '%s' in group '[meta." LABEL "]': expected %s",
	            value, key, expected);
}

static bool take_number(const char *text, uint32_t *number)
{
	guint64 value;

	if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &value, NULL))
		return false;
	*number = (uint32_t)value;
	return true;
}

/* Each number of the list: does it fit, and is it the one looked for. */
static bool walk(const char *list, uint32_t above, uint32_t wanted, bool *is_there)
{
	g_auto(GStrv) words = g_strsplit_set(list, SEPARATORS, -1);
	unsigned n = 0;

	*is_there = false;
	for (char **word = words; *word; word++) {
		uint32_t number;

		if (!**word)
			continue;
		if (!take_number(*word, &number) || number <= above)
			return false;
		*is_there = *is_there || number == wanted;
		n++;
	}
	return n > 0;
}

/* YYYY-MM-DD, to the last second of that day. */
static bool take_day(const char *text, int64_t *until)
{
	enum { DAY = 24 * 60 * 60 };

	if (strlen(text) != 10 || strspn(text, G_CSET_DIGITS "-") != 10)
		return false;

	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
	g_autofree char *midnight = g_strconcat(text, "T00:00:00Z", NULL);
	g_autoptr(GDateTime) begin = g_date_time_new_from_iso8601(midnight, utc);
	if (!begin)
		return false;
	*until = g_date_time_to_unix(begin) + DAY - 1;
	return true;
}

/* A misspelt key would be a promise that nobody keeps. */
static bool take_entry(Epoch *epoch, const MetaEntry *entry, GError **error)
{
	if (g_str_equal(entry->key, EPOCH))
		return take_number(entry->value, &epoch->number) ||
		       malformed(EPOCH, entry->value, "a number from 0 to 4294967295", error);
	if (g_str_equal(entry->key, FROM)) {
		epoch->from = entry->value;
		return true;
	}
	if (g_str_equal(entry->key, UNTIL))
		return take_day(entry->value, &epoch->until) ||
		       malformed(UNTIL, entry->value, "a day, YYYY-MM-DD", error);
	return !g_str_has_prefix(entry->key, EPOCH) ||
	       fail(error, FAILURE_CONFIG, "Invalid key '%s' in group '[meta." LABEL "]'",
	            entry->key);
}

static bool check_permission(const Epoch *epoch, GError **error)
{
	bool ignored;

	if (!epoch->from != !epoch->until)
		return fail(error, FAILURE_CONFIG,
		            "Missing key '%s' in group '[meta." LABEL "]': '%s' needs it",
		            epoch->from ? UNTIL : FROM, epoch->from ? FROM : UNTIL);
	return !epoch->from || walk(epoch->from, epoch->number, 0, &ignored) ||
	       malformed(FROM, epoch->from, "numbers above " EPOCH ", with blanks between them",
	                 error);
}

bool epoch_parse(const Manifest *manifest, Epoch *epoch, GError **error)
{
	Epoch parsed = { 0 };

	for (unsigned i = 0; i < manifest->meta->len; i++) {
		const MetaGroup *group = manifest->meta->pdata[i];

		if (!g_str_equal(group->label, LABEL))
			continue;
		for (unsigned k = 0; k < group->entries->len; k++) {
			if (!take_entry(&parsed, group->entries->pdata[k], error))
				return false;
		}
	}
	if (!check_permission(&parsed, error))
		return false;
	*epoch = parsed;
	return true;
}

bool epoch_permits(const Epoch *epoch, uint32_t current)
{
	bool is_there;

	return epoch->from && walk(epoch->from, epoch->number, current, &is_there) && is_there;
}
