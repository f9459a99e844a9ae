/* SPDX-License-Identifier: MIT */

/* A block hash index, taken as that of a slot and as that of an image of the first bytes' size. */

#include "fuzz.h"

#include <glib.h>
#include <string.h>

#include "source/hash_index.h"

static void try_load(Source *file, uint64_t image_size)
{
	g_autoptr(HashIndex) index = hash_index_load(file, image_size, NULL);
	unsigned sum = 0;

	if (!index)
		return;
	g_assert_true(!image_size || hash_index_count(index) == image_size / HASH_INDEX_CHUNK);
	g_assert_true(
		hash_index_check_size((uint64_t)hash_index_count(index) * HASH_INDEX_CHUNK, NULL));
	for (uint32_t i = 0; i < hash_index_count(index); i++)
		for (unsigned j = 0; j < DIGEST_SIZE; j++)
			sum += hash_index_digest(index, i)[j];
	g_assert_true(sum <= 255 * DIGEST_SIZE * hash_index_count(index));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t n_chunks = 0;

	if (size < sizeof(n_chunks))
		return 0;
	memcpy(&n_chunks, data, sizeof(n_chunks));
	g_autoptr(GBytes) bytes = g_bytes_new(data + sizeof(n_chunks), size - sizeof(n_chunks));
	g_autoptr(Source) file = source_memory_new(bytes);

	try_load(file, 0);
	try_load(file, (uint64_t)n_chunks * HASH_INDEX_CHUNK);
	return 0;
}
