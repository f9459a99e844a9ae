/* SPDX-License-Identifier: MIT */

#include "system/event_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"

#define DOMAIN "rauc-event"
#define INDENT "                      " /* 22: below the message, behind the time */
#define MOST   32                       /* members of a record */

struct EventLog {
	GPtrArray *files; /* of const ConfigLog; those that are given up are taken out */
};

static const char *const type_names[] = {
	[EVENT_BOOT] = "boot",       [EVENT_MARK] = "mark",           [EVENT_INSTALL] = "install",
	[EVENT_SERVICE] = "service", [EVENT_WRITESLOT] = "writeslot",
};

/* What a person gets to read below the message. */
static const struct {
	const char *key, *label;
} labels[] = {
	{ "TRANSACTION_ID", "transaction ID" },
	{ "BOOT_ID", "boot ID" },
	{ "BUNDLE_HASH", "bundle hash" },
	{ "BUNDLE_VERSION", "bundle version" },
	{ "SLOT_NAME", "slot" },
	{ "SLOT_BOOTNAME", "bootname" },
	{ "RAUC_STATISTICS", "statistics" },
};

EventLog *event_log_open(const Config *config)
{
	EventLog *log = g_new0(EventLog, 1);

	log->files = g_ptr_array_new();
	for (unsigned i = 0; i < config->logs->len; i++)
		g_ptr_array_add(log->files, config->logs->pdata[i]);
	return log;
}

void event_log_close(EventLog *log)
{
	if (!log)
		return;
	g_ptr_array_unref(log->files);
	g_free(log);
}

/* The whole record, in RAUC's order; returns how many members. */
static size_t make_record(const Event *event, EventField record[MOST])
{
	size_t n = 0;

	record[n++] = (EventField){ "MESSAGE", event->message };
	if (event->id && event->id_comes_first)
		record[n++] = (EventField){ "MESSAGE_ID", event->id };
	record[n++] = (EventField){ "PRIORITY", event->is_warning ? "4" : "5" };
	record[n++] = (EventField){ "GLIB_DOMAIN", DOMAIN };
	record[n++] = (EventField){ "RAUC_EVENT_TYPE", type_names[event->type] };
	if (event->id && !event->id_comes_first)
		record[n++] = (EventField){ "MESSAGE_ID", event->id };
	for (size_t i = 0; i < event->n_fields && n < MOST; i++) {
		if (event->fields[i].value)
			record[n++] = event->fields[i];
	}
	return n;
}

static void add_json_string(GString *to, const char *text)
{
	g_autofree char *valid = g_utf8_make_valid(text, -1);

	g_string_append_c(to, '"');
	for (const char *c = valid; *c; c++) {
		if (*c == '"' || *c == '\\')
			g_string_append_printf(to, "\\%c", *c);
		else if ((unsigned char)*c < 0x20 || *c == 0x7f)
			g_string_append_printf(to, "\\u%04x", (unsigned)*c);
		else
			g_string_append_c(to, *c);
	}
	g_string_append_c(to, '"');
}

static char *format_json(const Event *event, bool is_pretty, const char *timestamp)
{
	EventField record[MOST];
	size_t n = make_record(event, record);
	GString *text = g_string_new(is_pretty ? "{\n  \"TS\" : " : "{\"TS\":");

	add_json_string(text, timestamp);
	for (size_t i = 0; i < n; i++) {
		g_string_append(text, is_pretty ? ",\n  " : ",");
		add_json_string(text, record[i].key);
		g_string_append(text, is_pretty ? " : " : ":");
		add_json_string(text, record[i].value);
	}
	g_string_append(text, is_pretty ? "\n}\n" : "}\n");
	return g_string_free(text, FALSE);
}

static const char *label_of(const char *key)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(labels); i++) {
		if (g_str_equal(labels[i].key, key))
			return labels[i].label;
	}
	return NULL;
}

static char *format_readable(const Event *event, bool is_short, const char *timestamp)
{
	GString *text = g_string_new(NULL);

	g_string_append_printf(text, "%s: %s\n", timestamp, event->message);
	for (size_t i = 0; i < event->n_fields && !is_short; i++) {
		const char *label = label_of(event->fields[i].key);

		if (label && event->fields[i].value)
			g_string_append_printf(text, INDENT "%s: %s\n", label,
			                       event->fields[i].value);
	}
	return g_string_free(text, FALSE);
}

char *event_log_format(const Event *event, const char *format, const char *timestamp)
{
	if (g_str_has_prefix(format, "json"))
		return format_json(event, g_str_equal(format, "json-pretty"), timestamp);
	return format_readable(event, g_str_equal(format, "short"), timestamp);
}

/* file.N-1 becomes file.N, …, file becomes file.1; what is not there is skipped. */
static bool rotate(const ConfigLog *file, GError **error)
{
	for (int n = MAX(file->max_files - 1, 1); n >= 1; n--) {
		g_autofree char *to = g_strdup_printf("%s.%d", file->filename, n);
		g_autofree char *from = n > 1 ? g_strdup_printf("%s.%d", file->filename, n - 1)
		                              : g_strdup(file->filename);

		if (rename(from, to) < 0 && errno != ENOENT)
			return fail_errno(error, "cannot rename %s to %s", from, to);
	}
	return true;
}

static bool append(const ConfigLog *file, const char *text, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(file->filename);
	size_t size = strlen(text);
	struct stat st;

	if (!file_make_folders(folder, 0700, error))
		return false;
	if (file->max_size && stat(file->filename, &st) == 0 &&
	    (uint64_t)st.st_size + size > file->max_size && !rotate(file, error))
		return false;
	fd_auto int fd = fd_open(file->filename, O_WRONLY | O_APPEND | O_CREAT, 0644, error);
	return fd >= 0 && fd_write(fd, text, size, file->filename, error) &&
	       fd_close(&fd, file->filename, error);
}

static bool wants(const ConfigLog *file, EventType type)
{
	const char *const *events = (const char *const *)file->events;

	return g_strv_contains(events, "all") || g_strv_contains(events, type_names[type]);
}

/* On a terminal only warnings, the rest with --debug: a person has the words of the command itself. */
static void tell_journal(const Event *event)
{
	EventField record[MOST];
	GLogField fields[MOST];
	size_t n = make_record(event, record);
	GLogLevelFlags level = event->is_warning                         ? G_LOG_LEVEL_WARNING
	                       : g_log_writer_is_journald(STDERR_FILENO) ? G_LOG_LEVEL_MESSAGE
	                                                                 : G_LOG_LEVEL_DEBUG;

	for (size_t i = 0; i < n; i++)
		fields[i] = (GLogField){ record[i].key, record[i].value, -1 };
	g_log_structured_array(level, fields, n);
}

void event_log_write(EventLog *log, const Event *event)
{
	g_autoptr(GDateTime) now = g_date_time_new_now_utc();
	g_autofree char *timestamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");

	tell_journal(event);
	for (unsigned i = 0; i < log->files->len;) {
		const ConfigLog *file = log->files->pdata[i];
		g_autofree char *text = event_log_format(event, file->format, timestamp);
		g_autoptr(GError) error = NULL;

		if (!wants(file, event->type) || append(file, text, &error)) {
			i++;
			continue;
		}
		g_warning("event log %s is given up: %s", file->name, error->message);
		g_ptr_array_remove_index(log->files, i);
	}
}
