/* SPDX-License-Identifier: MIT */

#include "source/sought.h"

#include <stdlib.h>
#include <string.h>

#define N_BUCKETS (1 << 16)

struct SoughtTable {
	Sought *all;
	uint32_t n, most;
	uint32_t
		buckets[N_BUCKETS + 1]; /* the first whose key begins with these 16 bits, or more */
};

SoughtTable *sought_new(uint32_t most)
{
	SoughtTable *table = g_new0(SoughtTable, 1);

	table->all = g_new(Sought, most);
	table->most = most;
	return table;
}

void sought_free(SoughtTable *table)
{
	if (!table)
		return;
	g_free(table->all);
	g_free(table);
}

static uint64_t key_of(const uint8_t *digest)
{
	uint64_t key;

	memcpy(&key, digest, sizeof(key));
	return GUINT64_FROM_BE(key);
}

bool sought_add(SoughtTable *table, const uint8_t *digest, uint32_t chunk)
{
	g_assert(table->n < table->most);
	table->all[table->n++] = (Sought){ key_of(digest), chunk, 0 };
	return table->n < table->most;
}

static int compare(const void *a, const void *b)
{
	const Sought *one = a, *other = b;

	if (one->key != other->key)
		return one->key < other->key ? -1 : 1;
	return one->chunk < other->chunk ? -1 : one->chunk > other->chunk;
}

void sought_sort(SoughtTable *table)
{
	uint32_t at = 0;

	qsort(table->all, table->n, sizeof(*table->all), compare);
	for (uint32_t bucket = 0; bucket < N_BUCKETS; bucket++) {
		while (at < table->n && table->all[at].key >> 48 < bucket)
			at++;
		table->buckets[bucket] = at;
	}
	table->buckets[N_BUCKETS] = table->n;
}

Sought *sought_find(const SoughtTable *table, const uint8_t *digest)
{
	uint64_t key = key_of(digest);
	uint32_t low = table->buckets[key >> 48], end = table->buckets[(key >> 48) + 1];

	for (uint32_t high = end; low < high;) {
		uint32_t middle = low + (high - low) / 2;

		if (table->all[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < end && table->all[low].key == key ? &table->all[low] : NULL;
}

const Sought *sought_all(const SoughtTable *table, uint32_t *n)
{
	*n = table->n;
	return table->all;
}

void sought_clear(SoughtTable *table)
{
	table->n = 0;
}
