/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the network does while an installation runs, on its way to the doors and the log.
 *
 * A door hears of every try; the log of the first one of an outage, now and then of those that
 * follow, and of its end. The server is heard by one thread at a time.
 */

#include "install/install.h"
#include "system/stream.h"

#define NETWORK_LOG_SECONDS 300 /* between two lines of the same outage */

typedef struct {
	const InstallEvents *events; /* with a report */
	gint64 since, logged;        /* microseconds; 0: nobody waits */
} Network;

/* What of `access` is not the user's: `network` has to outlive the stream. */
void network_listen(Network *network, StreamAccess *access);

/* The stream is gone: nobody waits any more, whatever it was waited for. */
void network_end(Network *network);

/* A try of now, or NULL; for tests the clock is a parameter. */
void network_waiting(Network *network, const RemoteWaiting *waiting, gint64 now);
