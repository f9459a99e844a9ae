/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is on the medium of a slot for good, while an image is written and after it.
 *
 *   <data-directory>/slot.<slot>/write-journal
 *
 *        0        8              40        48              80        128
 *       +--------+--------------+---------+---------------+---------+- - - - - - - - - -
 *       | magic  | SHA-256 of   | its     | SHA-256 of    | zero    | digest_quick() of
 *       |        | the image    | size LE | these 48      |         | each MiB, in order …
 *       +--------+--------------+---------+---------------+---------+- - - - - - - - - -
 *
 * A digest is appended when its MiB has been flushed. The file is no proof of anything: who uses
 * it reads the medium and compares, and in the end compares all of it with the digest that was
 * signed. So a torn end, an old file, or a slot that was changed since cost time, nothing else.
 *
 * It stays when the installation has ended: what the slot has need not be fetched again.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/slot.h"

typedef struct Journal Journal;

/* Which image is to be written into `slot`. `folder` (borrowed) NULL, or no digest of the image: NULL. */
Journal *journal_open(const char *folder, const Slot *slot, const char *sha256, uint64_t size);
void journal_free(Journal *journal);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Journal, journal_free)

/* Digests of MiB from the first on, of this very image; borrowed. */
const uint8_t *journal_known(const Journal *journal, uint64_t *n);

/* MiB [first, first + n) are on the medium. A journal that cannot be written is a warning: it
 * only costs time. CopyJournal's put(). */
void journal_put(void *journal, uint64_t first, const uint8_t *digests, size_t n);
