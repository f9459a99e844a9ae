/* SPDX-License-Identifier: MIT */

#include "system/store.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

#define MAX_STATUS    (4 * 1024 * 1024)
#define ROOM_FOR_SLOT 2048 /* more than the status of a slot takes */

struct Store {
	char *path;
	bool is_broken; /* what is on the medium could not be parsed */
	StatusFile *file;
	GPtrArray *status; /* of SlotStatus, by the index of the slot */
};

static char *group_of(const Slot *slot)
{
	return g_strconcat("slot.", slot->name, NULL);
}

static StatusFile *read_file(Store *store)
{
	g_autoptr(GError) error = NULL;
	size_t size;

	if (!store->path || !g_file_test(store->path, G_FILE_TEST_EXISTS))
		return status_file_new();
	g_autofree char *text = file_read(store->path, MAX_STATUS, &size, &error);
	StatusFile *file = text ? status_file_parse(text, size, &error) : NULL;
	if (file)
		return file;
	store->is_broken = true;
	g_warning("status file %s is not readable (%s): starting with an empty one", store->path,
	          error->message);
	return status_file_new();
}

Store *store_load(const char *path, const GPtrArray *slots)
{
	Store *store = g_new0(Store, 1);

	store->path = g_strdup(path);
	store->file = read_file(store);
	store->status = g_ptr_array_new_with_free_func((GDestroyNotify)slot_status_free);
	for (unsigned i = 0; i < slots->len; i++) {
		g_autofree char *group = group_of(slots->pdata[i]);

		g_ptr_array_add(store->status, status_file_get(store->file, group));
	}
	return store;
}

void store_free(Store *store)
{
	if (!store)
		return;
	g_free(store->path);
	status_file_free(store->file);
	g_ptr_array_unref(store->status);
	g_free(store);
}

const SlotStatus *store_get(const Store *store, const Slot *slot)
{
	return store->status->pdata[slot->index];
}

static bool keep_broken(Store *store, GError **error)
{
	if (!store->is_broken)
		return true;
	g_autofree char *aside = g_strconcat(store->path, ".broken", NULL);
	if (rename(store->path, aside) < 0)
		return fail_errno(error, "cannot rename %s to %s", store->path, aside);
	g_message("the unreadable status file is kept as %s", aside);
	store->is_broken = false;
	return true;
}

bool store_save(Store *store, GError **error)
{
	ERROR_WHILE(error, "saving slot status");
	if (!store->path)
		return true;

	g_autofree char *folder = g_path_get_dirname(store->path);
	g_autofree char *text = status_file_format(store->file);
	return file_make_folders(folder, 0700, error) && keep_broken(store, error) &&
	       file_replace(store->path, text, strlen(text), 0600, error);
}

bool store_probe(const Store *store, GError **error)
{
	ERROR_WHILE(error, "saving slot status");
	if (!store->path)
		return true;

	g_autofree char *folder = g_path_get_dirname(store->path);
	g_autofree char *beside = g_strconcat(store->path, ".room", NULL);
	g_autofree char *text = status_file_format(store->file);
	size_t size = strlen(text) + (size_t)store->status->len * ROOM_FOR_SLOT;
	g_autofree char *zeroes = g_malloc0(size);

	if (!file_make_folders(folder, 0700, error))
		return false;
	bool ok = file_replace(beside, zeroes, size, 0600, error);
	bool gone = unlink(beside) == 0;
	return ok && (gone || fail_errno(error, "cannot remove %s", beside));
}

bool store_set(Store *store, const Slot *slot, const SlotStatus *status, GError **error)
{
	g_autofree char *group = group_of(slot);
	SlotStatus *copy = slot_status_copy(status);

	slot_status_free(store->status->pdata[slot->index]);
	store->status->pdata[slot->index] = copy;
	status_file_set(store->file, group, copy);
	return store_save(store, error);
}

char *store_boot_id(const Store *store)
{
	return status_file_get_boot_id(store->file);
}

bool store_set_boot_id(Store *store, const char *boot_id, GError **error)
{
	status_file_set_boot_id(store->file, boot_id);
	return store_save(store, error);
}
