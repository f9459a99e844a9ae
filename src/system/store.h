/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The central status file, in memory and on the medium (chapter 7.8).
 *
 * Reading never fails: what cannot be read is a warning and an empty status. A
 * file that is no key file at all is kept as <file>.broken at the first save.
 */

#include "model/slot.h"
#include "model/status.h"

typedef struct Store Store;

/* `path` NULL: nothing is kept, saves succeed. `slots` is borrowed. */
Store *store_load(const char *path, const GPtrArray *slots);
void store_free(Store *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Store, store_free)

const SlotStatus *store_get(const Store *store, const Slot *slot);
bool store_set(Store *store, const Slot *slot, const SlotStatus *status, GError **error);
/* The boot that was noted last, NULL: none; and noting this one. */
char *store_boot_id(const Store *store);
bool store_set_boot_id(Store *store, const char *boot_id, GError **error);
bool store_save(Store *store, GError **error);
/* Whether later saves will succeed: the folder takes a file of that size. Leaves nothing behind. */
bool store_probe(const Store *store, GError **error);
