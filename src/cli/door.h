/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Who does the work: the service of this device, or this process.
 *
 * Both do the same under the same lock; the service is asked where there is one. That there is
 * none is said in a line on stderr.
 */

#include "cli/client.h"
#include "cli/options.h"

typedef enum {
	DOOR_SERVICE, /* `*client` is the caller's */
	DOOR_DIRECT,
	DOOR_CLOSED, /* with an error: FAILURE_SERVICE, or what is wrong with the options */
} Door;

Door door_find(const Options *options, Client **client, GError **error);
