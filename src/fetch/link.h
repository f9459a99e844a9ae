/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * This end of the socket to rauc (base/wire.h), never waiting: what has come so far is
 * kept until it is a whole message, what cannot be sent yet until it can.
 */

#include <glib.h>

#include "base/wire.h"

/* More than this is not added to what waits to be sent, but for small messages. */
#define LINK_FULL ((size_t)128 * 1024)

typedef struct Link Link;

/* `fd` is borrowed. */
Link *link_new(int fd, GError **error);
void link_free(Link *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Link, link_free)

typedef enum {
	LINK_MESSAGE, /* `*head`, and its bytes in `*bytes` (owned) */
	LINK_NOTHING, /* yet */
	LINK_END,     /* the other side has closed it */
	LINK_ERROR,
} LinkState;

LinkState link_receive(Link *link, WireHead *head, void **bytes, GError **error);

/* At once as far as it goes, the rest with link_flush(); a little DATA waits for more of the same range, and becomes one
 * message with it. What cannot be sent to one who has gone is dropped: link_receive() will tell. */
void link_send(Link *link, WireType type, uint64_t id, const void *bytes, size_t size);
void link_flush(Link *link);

int link_fd(const Link *link);
bool link_has_rest(const Link *link);
bool link_is_full(const Link *link);
