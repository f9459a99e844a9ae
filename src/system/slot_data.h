/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is kept of the images in the slots (chapter 7.10):
 *
 *   <data-directory>/slot.<slot>/hash-<SHA-256 of the image>/block-hash-index
 *                                hash-unknown/block-hash-index
 *
 * "unknown" is what a slot has while it is written, or which no status vouches for. RAUC reads
 * what is written here, and the reverse. `folder` is the data directory; `sha256` is hex, and
 * what is no digest is as good as NULL: unknown.
 */

#include "model/slot.h"
#include "source/source.h"

/* "<folder>/slot.<slot>", owned; it need not be there. */
char *slot_data_folder(const char *folder, const Slot *slot);

/* A slot that had this image is about to be written: what is known of it is of "unknown" now. */
bool slot_data_begin(const char *folder, const Slot *slot, const char *sha256, GError **error);

/* The slot has this image: everything else that was kept goes. Only warns. */
void slot_data_tidy(const char *folder, const Slot *slot, const char *sha256);

/* FAILURE_NOT_FOUND where there is none. */
Source *slot_data_open_index(const char *folder, const Slot *slot, const char *sha256,
                             GError **error);

/* Is there room for so many bytes, and for what else is written there? The folder is made. */
bool slot_data_check_room(const char *folder, uint64_t size, GError **error);
/* For a new index: an empty file that nobody finds yet. -1 on failure. */
int slot_data_new_index(const char *folder, const Slot *slot, GError **error);
/* It is complete: on the medium, and found, after this. Closes `fd`. */
bool slot_data_keep_index(const char *folder, const Slot *slot, int *fd, const char *sha256,
                          GError **error);
/* It never will be. */
void slot_data_drop_new_index(const char *folder, const Slot *slot);
void slot_data_drop_index(const char *folder, const Slot *slot, const char *sha256);

/* An empty file without a name, gone when it is closed. -1 on failure. */
int slot_data_scratch(const char *folder, const Slot *slot, GError **error);
