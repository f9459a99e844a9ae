/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What is worth waiting for, and how long. A fault of the network never ends an
 * installation; what more tries cannot change does. No clock, no network: values in,
 * a decision out.
 */

#include <curl/curl.h>
#include <glib.h>

#include "base/error.h"
#include "fetch/headers.h"

typedef struct {
	unsigned stall_sec;     /* without a byte, then the connection is dialled anew */
	unsigned connect_sec;   /* name, connection and TLS */
	unsigned retry_max_sec; /* the longest pause between tries */
	unsigned deadline_sec;  /* without a byte, whatever was tried; 0: none */
	unsigned open_tries;    /* of the first request; later ones have no number */
	unsigned connections;   /* at once, where one cannot carry several requests */
	uint64_t rate_limit;    /* bytes a second, all together; 0: none */
} Policy;

/* How a request ended that did not bring all it should. */
typedef struct {
	CURLcode code; /* CURLE_OK: the server answered, but not with that */
	long http;     /* 0: no answer */
	bool is_stalled;
} PolicyOutcome;

/* The words of OPEN; what is missing, or no number, is the default, what is senseless is moved into bounds. */
void policy_parse(Policy *policy, const void *words, size_t size);

/* Will more tries not change it? `*why` is the code for it in any case. */
bool policy_is_final(const PolicyOutcome *outcome, Failure *why);

/* Milliseconds before try number `attempt` + 1, `attempt` failures (at least 1) after the last byte;
 * `wait` as of headers_wait(), `random` any number. */
uint64_t policy_delay(const Policy *policy, unsigned attempt, int64_t wait, uint32_t random);
