/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the search for updates has to remember: what the server had last, what was installed of
 * it, and what of that did not boot.
 *
 * One small file, <data-directory>/update.state; without a data directory it lies in the runtime
 * folder, until the next boot. Reading never fails: what cannot be read is a warning, and nothing
 * is known. Who knows nothing asks the server once more.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "system/system.h"

enum { HISTORY_MAX_REJECTED = 16 };

typedef struct {
	/* Of the last answer; NULL: there was none, or nothing is on offer. */
	char *url, *etag, *hash, *version, *compatible;
	uint64_t size;
	/* What was tried last, by whichever door; NULL: nothing. */
	char *tried_hash, *tried_version;
	char *tried_boot;    /* the boot in which that was */
	char *tried_slot;    /* the one that boots with it; NULL: not known */
	bool is_installed;   /* and it succeeded */
	unsigned n_refused;  /* times in a row it failed for a reason that stays */
	GPtrArray *rejected; /* of char: hashes of what did not boot, the latest last */
	unsigned n_errors;   /* times in a row the server could not be asked */
	int64_t retry_at;    /* Unix; 0: at once */
} History;

History *history_load(const System *system);
bool history_save(const System *system, const History *history, GError **error);
void history_free(History *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(History, history_free)

bool history_is_rejected(const History *history, const char *hash);
/* Once each; the oldest makes room. */
void history_reject(History *history, const char *hash);
void history_forgive(History *history, const char *hash);
/* The server has nothing, or something else. */
void history_forget_offer(History *history);

/* The booted slot was marked good, and in this boot it was. A note of it that is lost is a warning. */
void history_note_good(void);
bool history_is_good(void);

/* What the kernel calls this boot; "unknown" where it does not say. */
char *history_boot_id(void);
