/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The end of a bundle: the CMS and its size.
 */

#include "source/source.h"

typedef struct {
	uint64_t payload_size; /* what lies before the CMS */
	GBytes *cms;
} Trailer;

/* FAILURE_FORMAT says which size is wrong; nothing of the CMS is believed. */
bool trailer_read(Source *source, uint64_t max_cms, Trailer *trailer, GError **error);
void trailer_clear(Trailer *trailer);

/* Append CMS and size to `fd` at `at`. */
bool trailer_write(int fd, uint64_t at, GBytes *cms, const char *what, GError **error);
