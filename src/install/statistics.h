/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What an installation cost: the network, the seeds, the medium.
 *
 *     bundle   fetched, requests, retries, waited       from the server
 *     image    seeds                                    bytes this device had already
 *     medium   written, in place, zeroes                bytes of slots
 *
 * Of all slots together. What has happened counts also where the installation fails.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "system/event_log.h"
#include "writer/writer.h"

typedef struct {
	uint64_t bundle_size; /* of a bundle on a server; 0: a local file */
	uint64_t fetched;     /* bytes that came from there */
	uint64_t requests, retries;
	uint64_t waited_ms; /* for the network */
	uint64_t written;   /* bytes; not what writers outside the pipeline write (archives) */
	uint64_t in_place;  /* bytes that were there already */
	uint64_t zero;      /* bytes of zeroes that needed no write */
	unsigned n_seeds;
	WriterSeed seeds[WRITER_MOST_SEEDS];
} InstallStatistics;

/* One slot more. */
void statistics_add_job(InstallStatistics *statistics, const WriterJob *job);
/* The seed of that name, more by so many bytes; without room it becomes part of "others". */
void statistics_add_seed(InstallStatistics *statistics, const char *name, uint64_t bytes);

/* "fetched 12.3 MB of 210.0 MB in 9 requests, reused 180.1 MB (slot rootfs.0 180.1 MB), wrote
 * 40.2 MB; waited 3 s for the network"; "" where there is nothing to tell. */
char *statistics_describe(const InstallStatistics *statistics);

/* A local file written as it is: nobody wants to hear more about that. */
bool statistics_is_plain(const InstallStatistics *statistics);

/* EventFields for the log, appended to `fields`: RAUC_STATISTICS (as described), RAUC_SEEDS, and one a row
 * (RAUC_BYTES_FETCHED, …). Their texts lie in `texts`. Nothing where it is plain. */
void statistics_add_fields(const InstallStatistics *statistics, GArray *fields,
                           GStringChunk *texts);

/* The numbers by their stable names ("bytes-fetched", …), for doors and log. */
typedef struct {
	const char *name;
	uint64_t value;
} StatisticsRow;

#define STATISTICS_ROWS 8

void statistics_rows(const InstallStatistics *statistics, StatisticsRow rows[STATISTICS_ROWS]);
/* The other way; false for a name that is none. */
bool statistics_set(InstallStatistics *statistics, const char *name, uint64_t value);
