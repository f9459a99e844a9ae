/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Chunks that are sought by their digest, and where they were found.
 *
 * One table, sorted by the first 8 bytes of the digest: what has those is taken for the same, who
 * reads it hashes it. Equal ones lie together, the first in the image in front; only the front one
 * is looked up, and who takes the answers has them all.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint64_t key;
	uint32_t chunk; /* of the image */
	uint32_t word;  /* where it was found, as the caller writes it; 0: not yet */
} Sought;

typedef struct SoughtTable SoughtTable;

SoughtTable *sought_new(uint32_t most);
void sought_free(SoughtTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SoughtTable, sought_free)

/* false: the table is full now. */
bool sought_add(SoughtTable *table, const uint8_t *digest, uint32_t chunk);
/* All are added. */
void sought_sort(SoughtTable *table);
/* The front one of those with this digest, NULL: it is not sought. */
Sought *sought_find(const SoughtTable *table, const uint8_t *digest);
/* In the order of the table. */
const Sought *sought_all(const SoughtTable *table, uint32_t *n);
void sought_clear(SoughtTable *table);
