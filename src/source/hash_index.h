/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The block hash index: a digest for each 4096 bytes of an image.
 *
 *   image   | chunk 0   | chunk 1   | chunk 2   | …      4096 bytes each, no rest
 *                 |           |           |
 *               SHA-256     SHA-256     SHA-256          without salt
 *                 v           v           v
 *   index   | 32 bytes  | 32 bytes  | 32 bytes  | …      nothing before, between or behind
 *
 * So it is as large as the image / 128, and says nothing that the image does not:
 * who has the image can make it. It lies beside the image, "<image>.block-hash-index",
 * in a bundle, where the signature covers it, and beside what a slot holds. Who has it
 * knows which chunks a slot already has, before anything is fetched.
 */

#include "base/pool.h"
#include "base/progress.h"
#include "crypto/digest.h"
#include "source/source.h"

#define HASH_INDEX_CHUNK      4096
#define HASH_INDEX_MAX_CHUNKS 0x7ffffff
#define HASH_INDEX_SUFFIX     ".block-hash-index"

/* Can an image of this size have one? */
bool hash_index_check_size(uint64_t size, GError **error);

/*
 * Read `image` once: its index is written to `fd` from offset 0, its own digest to `whole`.
 *
 * The digest of the whole is made by the caller's thread, one part after the other, those
 * of the chunks by the pool: one worker keeps pace with the caller.
 */
bool hash_index_create(Source *image, int fd, Pool *pool, uint8_t whole[DIGEST_SIZE],
                       GError **error);
/* The same; `progress` hears [from, from + image size) of `total`. */
bool hash_index_create_told(Source *image, int fd, Pool *pool, Progress *progress, uint64_t from,
                            uint64_t total, uint8_t whole[DIGEST_SIZE], GError **error);

typedef struct HashIndex HashIndex;

/*
 * The index in `file`, which it keeps; read where it is asked for, because that of a large image
 * does not fit into the memory of a small device. `image_size` is what it must cover, to the byte; 0 where anything
 * from one chunk on will do: the index of a slot ends where its image did. FAILURE_FORMAT for
 * what is no index, or not that of an image of this size.
 */
HashIndex *hash_index_open(Source *file, uint64_t image_size, GError **error);
/* The same, all of it in memory. */
HashIndex *hash_index_load(Source *file, uint64_t image_size, GError **error);
void hash_index_free(HashIndex *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(HashIndex, hash_index_free)

uint32_t hash_index_count(const HashIndex *index);
/* The digests of chunks [first, first + n), n * DIGEST_SIZE bytes; from several threads at once. */
bool hash_index_read(const HashIndex *index, uint32_t first, uint32_t n, uint8_t *digests,
                     GError **error);
/* DIGEST_SIZE bytes; `chunk` is below the count. Only of one that was loaded. */
const uint8_t *hash_index_digest(const HashIndex *index, uint32_t chunk);
