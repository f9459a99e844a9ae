/* SPDX-License-Identifier: MIT */

#include "system/history.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"

#define NAME     "update.state"
#define GOOD     "good"
#define BOOT_ID  "/proc/sys/kernel/random/boot_id"
#define MAX_SIZE (64 * 1024)

static char *path_of(const System *system)
{
	const char *folder = system_config(system)->data_directory;

	return g_build_filename(folder ? folder : system_runtime_folder(), NAME, NULL);
}

/* Texts and numbers have the same place in reading and in writing. */
typedef struct {
	const char *group, *key;
	char **to;
} TextRow;

enum { N_TEXTS = 9 };

static void list_texts(History *history, TextRow rows[N_TEXTS])
{
	const TextRow all[N_TEXTS] = {
		{ "offer", "url", &history->url },
		{ "offer", "etag", &history->etag },
		{ "offer", "manifest-hash", &history->hash },
		{ "offer", "version", &history->version },
		{ "offer", "compatible", &history->compatible },
		{ "tried", "manifest-hash", &history->tried_hash },
		{ "tried", "version", &history->tried_version },
		{ "tried", "boot-id", &history->tried_boot },
		{ "tried", "slot", &history->tried_slot },
	};

	memcpy(rows, all, sizeof(all));
}

static void read_all(History *history, GKeyFile *file)
{
	TextRow rows[N_TEXTS];

	list_texts(history, rows);
	for (unsigned i = 0; i < N_TEXTS; i++)
		*rows[i].to = g_key_file_get_string(file, rows[i].group, rows[i].key, NULL);
	history->size = g_key_file_get_uint64(file, "offer", "size", NULL);
	history->is_installed = g_key_file_get_boolean(file, "tried", "installed", NULL);
	history->n_refused =
		(unsigned)MAX(g_key_file_get_integer(file, "tried", "refused", NULL), 0);
	history->n_errors =
		(unsigned)MAX(g_key_file_get_integer(file, "server", "errors", NULL), 0);
	history->retry_at = g_key_file_get_int64(file, "server", "retry-at", NULL);
	g_auto(GStrv) rejected =
		g_key_file_get_string_list(file, "rejected", "manifest-hashes", NULL, NULL);
	for (char **hash = rejected; hash && *hash; hash++)
		history_reject(history, *hash);
}

static History *history_new(void)
{
	History *history = g_new0(History, 1);

	history->rejected = g_ptr_array_new_with_free_func(g_free);
	return history;
}

History *history_load(const System *system)
{
	g_autofree char *path = path_of(system);
	History *history = history_new();
	g_autoptr(GKeyFile) file = g_key_file_new();
	g_autoptr(GError) error = NULL;
	size_t size;

	if (!g_file_test(path, G_FILE_TEST_EXISTS))
		return history;

	g_autofree char *text = file_read(path, MAX_SIZE, &size, &error);
	if (text && g_key_file_load_from_data(file, text, size, G_KEY_FILE_NONE, &error))
		read_all(history, file);
	else
		g_warning("what is known of earlier updates is lost: %s: %s", path, error->message);
	return history;
}

/* A shallow copy is enough to name the fields. */
static void write_all(const History *history, GKeyFile *file)
{
	History fields = *history;
	TextRow rows[N_TEXTS];

	list_texts(&fields, rows);
	for (unsigned i = 0; i < N_TEXTS; i++) {
		if (*rows[i].to)
			g_key_file_set_string(file, rows[i].group, rows[i].key, *rows[i].to);
	}
	if (history->hash)
		g_key_file_set_uint64(file, "offer", "size", history->size);
	if (history->tried_hash) {
		g_key_file_set_boolean(file, "tried", "installed", history->is_installed);
		g_key_file_set_integer(file, "tried", "refused", (int)history->n_refused);
	}
	if (history->n_errors) {
		g_key_file_set_integer(file, "server", "errors", (int)history->n_errors);
		g_key_file_set_int64(file, "server", "retry-at", history->retry_at);
	}
	if (history->rejected->len)
		g_key_file_set_string_list(file, "rejected", "manifest-hashes",
		                           (const char *const *)history->rejected->pdata,
		                           history->rejected->len);
}

bool history_save(const System *system, const History *history, GError **error)
{
	ERROR_WHILE(error, "remembering updates");
	g_autofree char *path = path_of(system);
	g_autofree char *folder = g_path_get_dirname(path);
	g_autoptr(GKeyFile) file = g_key_file_new();
	size_t size, before_size;

	write_all(history, file);
	g_autofree char *text = g_key_file_to_data(file, &size, NULL);
	g_autofree char *before = file_read(path, MAX_SIZE, &before_size, NULL);
	if (before && before_size == size && memcmp(before, text, size) == 0)
		return true; /* every two hours the same: no write */
	return file_make_folders(folder, 0755, error) &&
	       file_replace(path, text, size, 0600, error);
}

void history_free(History *history)
{
	TextRow rows[N_TEXTS];

	if (!history)
		return;
	list_texts(history, rows);
	for (unsigned i = 0; i < N_TEXTS; i++)
		g_free(*rows[i].to);
	g_ptr_array_unref(history->rejected);
	g_free(history);
}

static guint find(const History *history, const char *hash)
{
	guint index;

	return g_ptr_array_find_with_equal_func(history->rejected, hash, g_str_equal, &index)
	               ? index
	               : G_MAXUINT;
}

bool history_is_rejected(const History *history, const char *hash)
{
	return find(history, hash) != G_MAXUINT;
}

void history_reject(History *history, const char *hash)
{
	if (history_is_rejected(history, hash))
		return;
	if (history->rejected->len >= HISTORY_MAX_REJECTED)
		g_ptr_array_remove_index(history->rejected, 0);
	g_ptr_array_add(history->rejected, g_strdup(hash));
}

void history_forgive(History *history, const char *hash)
{
	guint index = find(history, hash);

	if (index != G_MAXUINT)
		g_ptr_array_remove_index(history->rejected, index);
}

void history_forget_offer(History *history)
{
	g_clear_pointer(&history->url, g_free);
	g_clear_pointer(&history->etag, g_free);
	g_clear_pointer(&history->hash, g_free);
	g_clear_pointer(&history->version, g_free);
	g_clear_pointer(&history->compatible, g_free);
	history->size = 0;
}

static char *path_of_good(void)
{
	return g_build_filename(system_runtime_folder(), GOOD, NULL);
}

void history_note_good(void)
{
	g_autofree char *path = path_of_good(), *boot = history_boot_id();
	g_autoptr(GError) error = NULL;

	if (!file_make_folders(system_runtime_folder(), 0755, &error) ||
	    !file_replace(path, boot, strlen(boot), 0644, &error))
		g_warning("that this boot is good is not noted: %s", error->message);
}

bool history_is_good(void)
{
	g_autofree char *path = path_of_good(), *boot = history_boot_id();
	size_t size;
	g_autofree char *noted = file_read(path, 128, &size, NULL);

	return noted && g_str_equal(noted, boot);
}

char *history_boot_id(void)
{
	const char *said = g_getenv("RAUC_TEST_BOOT_ID");
	char *text = said && *said ? g_strdup(said) : file_read(BOOT_ID, 128, NULL, NULL);

	return text ? g_strstrip(text) : g_strdup("unknown");
}
