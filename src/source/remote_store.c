/* SPDX-License-Identifier: MIT */

#include "source/remote_store.h"

#include <glib.h>
#include <sys/mman.h>

#define NONE G_MAXUINT32

typedef enum {
	ARRIVING,
	FREE, /* these have lists, oldest first */
	READ,
	KEPT,
	TABLE,
	UNREAD,
	N_LISTS,
} List;

typedef struct {
	uint64_t number;
	uint32_t before, after;
	uint8_t list;
	bool is_table;
} Slot;

typedef struct {
	uint32_t first, last;
	unsigned n;
} Ends;

struct RemoteStore {
	unsigned n_slots;
	Slot *slots;
	uint8_t *memory;
	Ends ends[N_LISTS];
	GHashTable *by_number; /* Slot.number -> Slot */
};

static uint32_t index_of(const RemoteStore *store, const Slot *slot)
{
	return (uint32_t)(slot - store->slots);
}

static void leave(RemoteStore *store, Slot *slot)
{
	Ends *ends = &store->ends[slot->list];

	if (slot->list == ARRIVING)
		return;
	if (slot->before != NONE)
		store->slots[slot->before].after = slot->after;
	else
		ends->first = slot->after;
	if (slot->after != NONE)
		store->slots[slot->after].before = slot->before;
	else
		ends->last = slot->before;
	ends->n--;
	slot->list = ARRIVING;
}

/* As the newest. */
static void enter(RemoteStore *store, Slot *slot, List list)
{
	Ends *ends = &store->ends[list];

	leave(store, slot);
	slot->list = list;
	slot->before = ends->last;
	slot->after = NONE;
	if (ends->last != NONE)
		store->slots[ends->last].after = index_of(store, slot);
	else
		ends->first = index_of(store, slot);
	ends->last = index_of(store, slot);
	ends->n++;
}

RemoteStore *remote_store_new(unsigned n_pieces)
{
	RemoteStore *store = g_new0(RemoteStore, 1);

	/* not of the heap, which would keep it; what is not used is not there */
	store->memory = mmap(NULL, (size_t)n_pieces * REMOTE_PIECE, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (store->memory == MAP_FAILED) {
		g_free(store);
		return NULL;
	}
	store->n_slots = n_pieces;
	store->slots = g_new0(Slot, n_pieces);
	store->by_number = g_hash_table_new(g_int64_hash, g_int64_equal);
	for (unsigned i = 0; i < N_LISTS; i++)
		store->ends[i] = (Ends){ NONE, NONE, 0 };
	for (unsigned i = n_pieces; i-- > 0;)
		enter(store, &store->slots[i], FREE);
	return store;
}

void remote_store_free(RemoteStore *store)
{
	if (!store)
		return;
	munmap(store->memory, (size_t)store->n_slots * REMOTE_PIECE);
	g_hash_table_unref(store->by_number);
	g_free(store->slots);
	g_free(store);
}

static Slot *slot_of_place(const RemoteStore *store, const uint8_t *place)
{
	return &store->slots[(size_t)(place - store->memory) / REMOTE_PIECE];
}

static uint8_t *place_of(const RemoteStore *store, const Slot *slot)
{
	return store->memory + (size_t)index_of(store, slot) * REMOTE_PIECE;
}

static Slot *find(const RemoteStore *store, uint64_t number)
{
	return g_hash_table_lookup(store->by_number, &number);
}

static void forget(RemoteStore *store, Slot *slot)
{
	if (find(store, slot->number) == slot)
		g_hash_table_remove(store->by_number, &slot->number);
	leave(store, slot);
}

uint8_t *remote_store_take(RemoteStore *store)
{
	static const List order[] = { READ, KEPT, TABLE, UNREAD };
	uint32_t index = store->ends[FREE].last; /* used a moment ago: it is there */

	if (index != NONE) {
		leave(store, &store->slots[index]);
		return place_of(store, &store->slots[index]);
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
		index = store->ends[order[i]].first;
		if (index == NONE)
			continue;
		forget(store, &store->slots[index]);
		return place_of(store, &store->slots[index]);
	}
	g_assert_not_reached(); /* more arrive than there are */
}

void remote_store_drop(RemoteStore *store, uint8_t *place)
{
	enter(store, slot_of_place(store, place), FREE);
}

static void note_read(RemoteStore *store, Slot *slot)
{
	enter(store, slot, slot->is_table ? TABLE : READ);
	if (store->ends[TABLE].n > REMOTE_MOST_TABLES)
		enter(store, &store->slots[store->ends[TABLE].first], READ);
}

void remote_store_put(RemoteStore *store, uint8_t *place, uint64_t number, bool is_table,
                      bool is_passed)
{
	Slot *slot = slot_of_place(store, place), *old = find(store, number);

	if (old) {
		forget(store, old);
		enter(store, old, FREE);
	}
	slot->number = number;
	slot->is_table = is_table;
	g_hash_table_add(store->by_number, slot);
	if (is_passed)
		note_read(store, slot);
	else
		enter(store, slot, UNREAD);
}

bool remote_store_has(const RemoteStore *store, uint64_t number)
{
	return find(store, number) != NULL;
}

const uint8_t *remote_store_read(RemoteStore *store, uint64_t number)
{
	Slot *slot = find(store, number);

	if (!slot)
		return NULL;
	note_read(store, slot);
	return place_of(store, slot);
}

void remote_store_keep(RemoteStore *store, uint64_t number)
{
	Slot *slot = find(store, number);

	if (!slot || slot->list != READ)
		return;
	enter(store, slot, KEPT);
	if (store->ends[KEPT].n > REMOTE_MOST_KEPT)
		enter(store, &store->slots[store->ends[KEPT].first], READ);
}

unsigned remote_store_unread(const RemoteStore *store)
{
	return store->ends[UNREAD].n;
}
