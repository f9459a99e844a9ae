/* SPDX-License-Identifier: MIT */

#include "model/status.h"

#include <string.h>

#include "base/error.h"

#define BOOT_ID_GROUP "system"
#define BOOT_ID_KEY   "boot-id"

struct StatusFile {
	GKeyFile *raw;
};

SlotStatus *slot_status_new(void)
{
	return g_new0(SlotStatus, 1);
}

SlotStatus *slot_status_copy(const SlotStatus *status)
{
	SlotStatus *copy = slot_status_new();

	*copy = *status;
	copy->bundle_compatible = g_strdup(status->bundle_compatible);
	copy->bundle_version = g_strdup(status->bundle_version);
	copy->bundle_description = g_strdup(status->bundle_description);
	copy->bundle_build = g_strdup(status->bundle_build);
	copy->bundle_hash = g_strdup(status->bundle_hash);
	copy->bundle_signing_time = g_strdup(status->bundle_signing_time);
	copy->bundle_signed_until = g_strdup(status->bundle_signed_until);
	copy->status = g_strdup(status->status);
	copy->sha256 = g_strdup(status->sha256);
	copy->installed_transaction = g_strdup(status->installed_transaction);
	copy->installed_timestamp = g_strdup(status->installed_timestamp);
	copy->activated_timestamp = g_strdup(status->activated_timestamp);
	return copy;
}

void slot_status_reset(SlotStatus *status)
{
	g_clear_pointer(&status->bundle_compatible, g_free);
	g_clear_pointer(&status->bundle_version, g_free);
	g_clear_pointer(&status->bundle_description, g_free);
	g_clear_pointer(&status->bundle_build, g_free);
	g_clear_pointer(&status->bundle_hash, g_free);
	status->bundle_epoch = status->bundle_epoch_from = 0;
	g_clear_pointer(&status->bundle_signing_time, g_free);
	g_clear_pointer(&status->bundle_signed_until, g_free);
	g_clear_pointer(&status->status, g_free);
	g_clear_pointer(&status->sha256, g_free);
	status->size = 0;
	g_clear_pointer(&status->installed_transaction, g_free);
	g_clear_pointer(&status->installed_timestamp, g_free);
	g_clear_pointer(&status->activated_timestamp, g_free);
}

void slot_status_free(SlotStatus *status)
{
	if (!status)
		return;
	slot_status_reset(status);
	g_free(status);
}

bool slot_status_is_empty(const SlotStatus *status)
{
	return !status->bundle_compatible && !status->bundle_version &&
	       !status->bundle_description && !status->bundle_build && !status->bundle_hash &&
	       !status->bundle_epoch && !status->bundle_epoch_from &&
	       !status->bundle_signing_time && !status->bundle_signed_until && !status->status &&
	       !status->sha256 && !status->installed_transaction && !status->installed_timestamp &&
	       !status->installed_count && !status->activated_timestamp && !status->activated_count;
}

StatusFile *status_file_new(void)
{
	StatusFile *file = g_new0(StatusFile, 1);

	file->raw = g_key_file_new();
	return file;
}

void status_file_free(StatusFile *file)
{
	if (!file)
		return;
	g_key_file_unref(file->raw);
	g_free(file);
}

StatusFile *status_file_parse(const char *text, size_t size, GError **error)
{
	g_autoptr(StatusFile) file = status_file_new();
	g_autoptr(GError) reason = NULL;

	if (!size)
		return g_steal_pointer(&file);
	if (size > G_MAXSSIZE || !g_utf8_validate_len(text, size, NULL))
		return fail_null(error, FAILURE_FORMAT, "status file is not UTF-8 text");
	if (!g_key_file_load_from_data(file->raw, text, size, G_KEY_FILE_KEEP_TRANSLATIONS,
	                               &reason))
		return fail_null(error, FAILURE_FORMAT, "status file is not readable: %s",
		                 reason->message);
	return g_steal_pointer(&file);
}

char *status_file_format(const StatusFile *file)
{
	return g_key_file_to_data(file->raw, NULL, NULL);
}

static void distrust(const char *group, const char *key, const char *value)
{
	g_warning("status file: ignoring '%s' in [%s]: unexpected value '%.80s'", key, group,
	          value);
}

/* NULL for a value that is missing, empty or damaged. */
static char *get_string(const StatusFile *file, const char *group, const char *key)
{
	g_autoptr(GError) reason = NULL;
	g_autofree char *value = g_key_file_get_string(file->raw, group, key, &reason);

	if (g_error_matches(reason, G_KEY_FILE_ERROR, G_KEY_FILE_ERROR_INVALID_VALUE))
		distrust(group, key, value ? value : "");
	return !reason && *value ? g_steal_pointer(&value) : NULL;
}

static uint64_t get_number(const StatusFile *file, const char *group, const char *key,
                           uint64_t most)
{
	g_autofree char *value = get_string(file, group, key);
	guint64 number = 0;

	if (!value)
		return 0;
	g_strstrip(value);
	if (!g_ascii_string_to_unsigned(value, 10, 0, most, &number, NULL)) {
		distrust(group, key, value);
		return 0;
	}
	return number;
}

/* Any ISO 8601 time, as YYYY-MM-DDTHH:MM:SSZ: then times sort as text. */
static char *get_time(const StatusFile *file, const char *group, const char *key)
{
	g_autofree char *value = get_string(file, group, key);
	g_autoptr(GTimeZone) utc = g_time_zone_new_utc();

	if (!value)
		return NULL;

	g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(value, utc);
	g_autoptr(GDateTime) time_utc = time ? g_date_time_to_utc(time) : NULL;
	if (!time_utc) {
		distrust(group, key, value);
		return NULL;
	}
	return g_strdup_printf("%04d-%02d-%02dT%02d:%02d:%02dZ", g_date_time_get_year(time_utc),
	                       g_date_time_get_month(time_utc),
	                       g_date_time_get_day_of_month(time_utc),
	                       g_date_time_get_hour(time_utc), g_date_time_get_minute(time_utc),
	                       g_date_time_get_second(time_utc));
}

/* Digests become names of folders: nothing but hex digits gets past here. */
static char *get_digest(const StatusFile *file, const char *group, const char *key)
{
	g_autofree char *value = get_string(file, group, key);

	if (value && strspn(value, G_CSET_DIGITS "abcdefABCDEF") != strlen(value)) {
		distrust(group, key, value);
		return NULL;
	}
	return g_steal_pointer(&value);
}

SlotStatus *status_file_get(const StatusFile *file, const char *group)
{
	SlotStatus *status = slot_status_new();

	status->bundle_compatible = get_string(file, group, "bundle.compatible");
	status->bundle_version = get_string(file, group, "bundle.version");
	status->bundle_description = get_string(file, group, "bundle.description");
	status->bundle_build = get_string(file, group, "bundle.build");
	status->bundle_hash = get_string(file, group, "bundle.hash");
	status->bundle_epoch = get_number(file, group, "bundle.security-epoch", G_MAXUINT32);
	status->bundle_epoch_from =
		get_number(file, group, "bundle.security-epoch-from", G_MAXUINT32);
	status->bundle_signing_time = get_time(file, group, "bundle.signing-time");
	status->bundle_signed_until = get_time(file, group, "bundle.signed-until");
	status->status = get_string(file, group, "status");
	status->sha256 = get_digest(file, group, "sha256");
	status->size = get_number(file, group, "size", G_MAXUINT64);
	status->installed_transaction = get_string(file, group, "installed.transaction");
	status->installed_timestamp = get_time(file, group, "installed.timestamp");
	status->installed_count = get_number(file, group, "installed.count", G_MAXUINT32);
	status->activated_timestamp = get_time(file, group, "activated.timestamp");
	status->activated_count = get_number(file, group, "activated.count", G_MAXUINT32);
	return status;
}

static void set_string(StatusFile *file, const char *group, const char *key, const char *value)
{
	if (value)
		g_key_file_set_string(file->raw, group, key, value);
}

static void set_count(StatusFile *file, const char *group, const char *key, uint32_t count)
{
	if (count)
		g_key_file_set_uint64(file->raw, group, key, count);
}

void status_file_set(StatusFile *file, const char *group, const SlotStatus *status)
{
	g_key_file_remove_group(file->raw, group, NULL);
	set_string(file, group, "bundle.compatible", status->bundle_compatible);
	set_string(file, group, "bundle.version", status->bundle_version);
	set_string(file, group, "bundle.description", status->bundle_description);
	set_string(file, group, "bundle.build", status->bundle_build);
	set_string(file, group, "bundle.hash", status->bundle_hash);
	set_string(file, group, "status", status->status);
	if (status->sha256) {
		g_key_file_set_string(file->raw, group, "sha256", status->sha256);
		g_key_file_set_uint64(file->raw, group, "size", status->size);
	}
	set_string(file, group, "installed.transaction", status->installed_transaction);
	set_string(file, group, "installed.timestamp", status->installed_timestamp);
	set_count(file, group, "installed.count", status->installed_count);
	set_string(file, group, "activated.timestamp", status->activated_timestamp);
	set_count(file, group, "activated.count", status->activated_count);
	/* What RAUC does not know comes last. */
	set_count(file, group, "bundle.security-epoch", status->bundle_epoch);
	set_count(file, group, "bundle.security-epoch-from", status->bundle_epoch_from);
	set_string(file, group, "bundle.signing-time", status->bundle_signing_time);
	set_string(file, group, "bundle.signed-until", status->bundle_signed_until);
}

char *status_file_get_boot_id(const StatusFile *file)
{
	return get_string(file, BOOT_ID_GROUP, BOOT_ID_KEY);
}

void status_file_set_boot_id(StatusFile *file, const char *boot_id)
{
	g_key_file_set_string(file->raw, BOOT_ID_GROUP, BOOT_ID_KEY, boot_id);
}
