/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Slot status: what was last written to a slot, and when it was activated.
 *
 * The text is RAUC's (chapter 7.8): a central file with [system] and one
 * [slot.<name>] a slot, or slot.raucs with [slot] in the slot itself. Reading
 * is lenient (a bad number is 0, with a warning): a damaged status file must
 * never stop an update.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct SlotStatus SlotStatus;
typedef struct StatusFile StatusFile;

struct SlotStatus {
	char *bundle_compatible, *bundle_version, *bundle_description, *bundle_build, *bundle_hash;
	/* Ours, for when the slot is marked good (system/trust). */
	uint32_t bundle_epoch, bundle_epoch_from; /* going back from this one is permitted; 0: no */
	char *bundle_signing_time,
		*bundle_signed_until; /* until the chain's first certificate ends */
	char *status;                 /* "ok", "failed", "pending"; NULL: unknown */
	char *sha256;                 /* NULL: unknown */
	uint64_t size;
	char *installed_transaction;
	char *installed_timestamp; /* YYYY-MM-DDTHH:MM:SSZ */
	uint32_t installed_count;
	char *activated_timestamp;
	uint32_t activated_count;
};

SlotStatus *slot_status_new(void);
SlotStatus *slot_status_copy(const SlotStatus *status);
void slot_status_free(SlotStatus *status);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SlotStatus, slot_status_free)

/* Forget what was installed (the counts stay): first step of every update. */
void slot_status_reset(SlotStatus *status);
bool slot_status_is_empty(const SlotStatus *status);

/*
 * A status document. Groups that are not ours survive a load and save.
 * Parsing fails only where the text is no key file at all.
 */
StatusFile *status_file_new(void);
StatusFile *status_file_parse(const char *text, size_t size, GError **error);
void status_file_free(StatusFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusFile, status_file_free)
char *status_file_format(const StatusFile *file);

/* `group` is "slot.rootfs.0" in the central file, "slot" in slot.raucs. A group
 * that is missing is an empty status. Owned by the caller. */
SlotStatus *status_file_get(const StatusFile *file, const char *group);
/* Write the group anew; an empty status removes it. */
void status_file_set(StatusFile *file, const char *group, const SlotStatus *status);

char *status_file_get_boot_id(const StatusFile *file);
void status_file_set_boot_id(StatusFile *file, const char *boot_id);
