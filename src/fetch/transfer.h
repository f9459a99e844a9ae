/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Ranges of one file on a server, fetched for the process at the other end of a socket
 * (base/wire.h). One thread, one loop; nothing in it waits but the loop itself.
 *
 *     READ --> queued --> running --> (sent) DONE
 *                ^         |   |
 *                |         |   +--> FAILED: more tries would not change it
 *                +-waiting-+        from the first byte that was not sent yet
 *
 * A range without credit holds its request for a while; needs another one the place, it
 * is dropped and asked for again when there is credit. That is no failure.
 */

#include <glib.h>
#include <stdbool.h>

#include "fetch/link.h"
#include "fetch/transfer_order.h"

/* Until the other side closes the socket; false where it did not keep to the protocol. */
bool transfer_run(Link *link, const Order *order, GError **error);

/* Says to the other side that OPEN cannot be done. */
void transfer_refuse(Link *link, const GError *why);
