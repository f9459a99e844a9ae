/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A file with data and room for a hash tree behind it.
 */

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/verity_tree.h"

typedef struct {
	char *path;
	int fd;
	uint64_t data_size;
	VerityParameters parameters;
} TreeFile;

static inline uint8_t tree_byte(uint64_t at)
{
	return at % VERITY_BLOCK < 8 ? (uint8_t)(at / VERITY_BLOCK >> (8 * (at % 8)))
	                             : (uint8_t)(at % 251);
}

/* `n_blocks` of data that are all different. */
static inline TreeFile *tree_file_new(uint64_t n_blocks)
{
	TreeFile *file = g_new0(TreeFile, 1);
	g_autoptr(GError) error = NULL;
	uint8_t block[VERITY_BLOCK];

	file->fd = g_file_open_tmp("verity-XXXXXX", &file->path, &error);
	g_assert_no_error(error);
	file->data_size = n_blocks * VERITY_BLOCK;
	for (uint64_t i = 0; i < n_blocks; i++) {
		for (unsigned j = 0; j < VERITY_BLOCK; j++)
			block[j] = tree_byte(i * VERITY_BLOCK + j);
		g_assert_true(fd_write_at(file->fd, block, VERITY_BLOCK, i * VERITY_BLOCK,
		                          "test data", &error));
	}
	for (unsigned i = 0; i < 32; i++)
		file->parameters.salt[i] = (uint8_t)(200 + i);
	return file;
}

static inline void tree_file_free(TreeFile *file)
{
	close(file->fd);
	g_unlink(file->path);
	g_free(file->path);
	g_free(file);
}

static inline Source *tree_file_source(const TreeFile *file)
{
	g_autoptr(GError) error = NULL;
	Source *source = source_file_open(file->path, &error);

	g_assert_no_error(error);
	return source;
}

/* Make the tree behind the data, with this many workers. */
static inline void tree_file_create(TreeFile *file, unsigned workers)
{
	g_autoptr(Pool) pool = pool_new(workers, workers * 2);
	g_autoptr(Source) below = tree_file_source(file);
	g_autoptr(GError) error = NULL;
	g_autoptr(Source) data = source_slice_new(below, 0, file->data_size, &error);

	g_assert_true(verity_tree_create(data, file->fd, &file->parameters, pool, &error));
	g_assert_no_error(error);
}

static inline void tree_file_flip(const TreeFile *file, uint64_t at, uint8_t bits)
{
	uint8_t byte;

	g_assert_cmpint(pread(file->fd, &byte, 1, (off_t)at), ==, 1);
	byte ^= bits;
	g_assert_cmpint(pwrite(file->fd, &byte, 1, (off_t)at), ==, 1);
}
