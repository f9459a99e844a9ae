/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where requests run. In the first lane each has a connection of its own: one that stands still takes no
 * memory, since nobody empties its socket. In the second one connection carries many (HTTP/2), where
 * one that stands still would stand in the way of all: there are only such as have all their credit.
 */

#include <curl/curl.h>
#include <stdbool.h>

typedef struct {
	CURLM *single, *many;
} Lanes;

void lanes_init(Lanes *lanes);
/* No request may be left in them. */
void lanes_clear(Lanes *lanes);
/* Leaves the connection for many behind; no request may be left on it. */
void lanes_redial(Lanes *lanes);

CURLMcode lanes_perform(Lanes *lanes);
/* A request that has ended; NULL: no more. */
CURL *lanes_next_end(Lanes *lanes, CURLcode *result);
/* Until something happens on a connection or on `socket`, or so many ms have passed. */
void lanes_wait(Lanes *lanes, const struct curl_waitfd *socket, int timeout);
