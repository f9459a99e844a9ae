/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Pieces of a file in a memory of fixed size, for source/remote. It has no lock.
 *
 *     free --take--> arriving --put--> unread --read--> read --+
 *      ^                                  |                    |   what was read longest ago goes
 *      +----------------------------------+--------------------+   first, what nobody has read last
 *
 * Tables are read again and again, the rest once: a number of their pieces goes only after all
 * others that were read. So do the pieces one reader ends with and another one begins with, a while later
 * perhaps: those before the tables.
 */

#include <stdbool.h>
#include <stdint.h>

#define REMOTE_PIECE       4096
#define REMOTE_MOST_TABLES 96 /* pieces */
#define REMOTE_MOST_KEPT   32

typedef struct RemoteStore RemoteStore;

/* NULL: there is not so much memory. */
RemoteStore *remote_store_new(unsigned n_pieces);
void remote_store_free(RemoteStore *store);

/* Room for one piece, whatever has to go for it. To be given back with put() or drop(). */
uint8_t *remote_store_take(RemoteStore *store);
void remote_store_drop(RemoteStore *store, uint8_t *place);
/* `place` is piece `number` now. `is_passed`: nobody is expected to read it. */
void remote_store_put(RemoteStore *store, uint8_t *place, uint64_t number, bool is_table,
                      bool is_passed);

bool remote_store_has(const RemoteStore *store, uint64_t number);
/* NULL: it is not there. It was read now; valid until the next call of take(). */
const uint8_t *remote_store_read(RemoteStore *store, uint64_t number);

/* It was read a moment ago, and is likely to be once more. */
void remote_store_keep(RemoteStore *store, uint64_t number);

/* How many there are that nobody has read. */
unsigned remote_store_unread(const RemoteStore *store);
