/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A file on a server, through rauc-fetch (base/wire.h), with what is read ahead.
 *
 * Who knows what will be read says so with source_prefetch(), in the order it will be read: each such
 * range is one request, those with little between them are one, and bytes are let in only as fast as
 * they are read. Everything else is asked for when it is wanted, in windows of 32 KiB. What lies in
 * memory is 4 MiB, whatever the size of the file.
 *
 * A server that knows no ranges can only be read from the beginning to the end. The end of a bundle says
 * what the rest has to be, so it is read twice: first its last hundredth, which is kept in a file, then
 * the rest, in order. Going back costs another time, and there is an end to that.
 */

#include "base/cancel.h"
#include "base/wire.h"
#include "source/source.h"

/* Nothing comes, and why. */
typedef struct {
	const char *message; /* "waiting for network: timed out, next try in 12 s" */
	const char *reason;  /* "timed out" */
	unsigned seconds;    /* until the next try, from now */
	unsigned attempt;
} RemoteWaiting;

typedef struct {
	uint64_t size; /* of the file */
	uint64_t requests, bytes, retries, waited_ms;
} RemoteStats;

typedef struct {
	const char *program;    /* rauc-fetch */
	const char *user;       /* who it runs as where we are root; NULL: as we do */
	const WireWords *words; /* of OPEN */
	const char *
		folder; /* for what a server without ranges makes us keep; NULL: that for temporary files */
	unsigned
		*http; /* where opening fails: what the server said, 0: nothing. NULL: not wanted */
	Cancel *cancel; /* ends all waiting, here and when reading; NULL: nothing does */
	/* From another thread. NULL: something comes again. */
	void (*waiting)(void *user_data, const RemoteWaiting *waiting);
	/* Now and then; the last time is when the source is freed. */
	void (*fetched)(void *user_data, const RemoteStats *stats);
	void *user_data;
} RemoteRequest;

typedef struct {
	char *url;               /* where it was found in the end */
	char *etag;              /* "" where the server has none */
	uint64_t modified, date; /* Unix; 0: not said */
	bool is_http2;
	bool has_ranges;
} RemoteInfo;

/* Starts the program and asks the server. The failure has the code the other side gave it. */
Source *source_remote_open(const RemoteRequest *request, GError **error);

/* Of a source made by this module, and of no other. */
const RemoteInfo *source_remote_info(const Source *source);
RemoteStats source_remote_stats(Source *source);
