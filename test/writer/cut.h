/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A disk, and power that goes at any moment.
 *
 * Everything the process writes to one file is recorded, whoever writes it: our own code
 * or a library (the C library's calls are taken over). From the record come all the disks
 * a power cut can leave: flushed writes are there, of the others any part may be, and the
 * last one may be torn between two sectors.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From here on, `path` is watched. */
void cut_begin(const char *path);
void cut_end(void);

/* Writes and flushes since cut_begin(). */
unsigned cut_count(void);

/* Nothing is written that is not flushed. */
bool cut_is_durable(void);

/* Write or flush `n` and all that follow fail (EIO). */
void cut_fail_from(unsigned n);
/* One bit of write `n` is lost on the way. */
void cut_lie_at(unsigned n);

typedef void (*CutJudge)(const uint8_t *disk, size_t size, const char *how, void *user);

/* Every disk that can be left; returns how many there were. */
unsigned cut_each(CutJudge judge, void *user);
