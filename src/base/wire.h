/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What rauc and rauc-fetch say to each other, over one socket (AF_UNIX, stream).
 *
 *      0        4        8                16
 *     +--------+--------+----------------+- - - - - - - - +
 *     | type   | size   | id             | size bytes     |     numbers as this machine has them
 *     +--------+--------+----------------+- - - - - - - - +
 *
 *     rauc                                rauc-fetch
 *     OPEN     id 0, words            ->
 *                                     <-  OPENED   id 0, words, or FAILED id 0
 *     READ     id n, WireRead         ->
 *     CREDIT   id n, 8 bytes          ->
 *                                     <-  DATA     id n: the next bytes of the range, in order
 *                                     <-  DONE     id n: all of it has been sent
 *                                     <-  FAILED   id n, words: it will never come
 *     CANCEL   id n                   ->           nothing more is sent for it, not even FAILED
 *                                     <-  WAITING  id 0, words: nothing comes now, and why
 *                                     <-  GOING    id 0: and now something does again
 *                                     <-  STATS    id 0, words: now and then, and before the end
 *     (closes the socket)             ->           the end
 *
 * A READ begins with no credit but what it brings: no more bytes of it are sent than were
 * granted, so what lies in memory is bounded by who asks; what was not granted stays with the server.
 * On a server without ranges (OPENED: ranges) every READ is the whole file up to its end. Words are "key=value" with a NUL
 * behind each; a key may be there several times. The other side is not trusted: sizes are
 * checked before memory is asked for.
 *
 * OPEN: url, header (of the user: to the origin of `url` only), info-header (first request only),
 * tls-cert, tls-key, tls-ca, tls-no-verify (yes), and of the policy stall-sec, connect-sec, retry-max-sec,
 * deadline-sec (without a byte), open-tries, rate-limit (bytes a second), connections; each only where it
 * is not the default.
 * OPENED: url (effective), size, etag, modified, date (Unix), http (1.1, 2), ranges (yes, no).
 * FAILED: code (name of a Failure), http (status, where there was one), message; of OPEN with RAUC's prefix
 * ("not found: ...").
 * WAITING: message, reason (a part of it), seconds (until the next try), attempt. STATS: requests, bytes, retries, waited-ms.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define WIRE_MAX_WORDS (256 * 1024)
#define WIRE_MAX_DATA  (256 * 1024) /* of one DATA */

typedef enum {
	WIRE_OPEN = 1,
	WIRE_READ,
	WIRE_CREDIT,
	WIRE_CANCEL,
	WIRE_OPENED = 101,
	WIRE_DATA,
	WIRE_DONE,
	WIRE_FAILED,
	WIRE_WAITING,
	WIRE_GOING,
	WIRE_STATS,
} WireType;

typedef struct {
	uint32_t type, size;
	uint64_t id;
} WireHead;

typedef struct {
	uint64_t at, size; /* of the bundle */
	uint64_t credit;   /* bytes that may be sent at once */
} WireRead;

/* Exact, blocking, no SIGPIPE; FAILURE_IO where the other side is gone. */
bool wire_send(int fd, WireType type, uint64_t id, const void *bytes, size_t size, GError **error);
/* `*head` and its bytes (owned, NULL where there are none). A head that cannot be is FAILURE_FORMAT. */
bool wire_receive(int fd, WireHead *head, void **bytes, GError **error);
/* The same in two steps, for who knows where the bytes are to go: the head, then all that `parts` have room for, which
 * must not be more than is left of what the head announced. `parts` are used up. */
bool wire_receive_head(int fd, WireHead *head, GError **error);
bool wire_receive_parts(int fd, struct iovec *parts, unsigned n, GError **error);
/* Is this head one that may be? */
bool wire_check(const WireHead *head, GError **error);

/* Words: a growing buffer, and what is in one. */
typedef GByteArray WireWords;
void wire_add(WireWords *words, const char *key, const char *value);
void wire_add_number(WireWords *words, const char *key, uint64_t value);
/* The first value of `key`, NULL: none; borrowed from `bytes`. */
const char *wire_find(const void *bytes, size_t size, const char *key);
/* 0 where it is missing or no number. */
uint64_t wire_find_number(const void *bytes, size_t size, const char *key);
/* Every value of `key`, in order. */
GStrv wire_find_all(const void *bytes, size_t size, const char *key);
/* Is it words at all: every one ended and with a '='? To be asked before the finds. */
bool wire_words_check(const void *bytes, size_t size, GError **error);
