/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the service says of its device, as the values that are shown.
 */

#include "cli/client.h"
#include "cli/show_status.h"

typedef struct StatusReply StatusReply;

/* Asks the service. Without a primary slot: a warning. "Error retrieving slot status via D-Bus: " */
StatusReply *status_reply_fetch(Client *client, GError **error);
/* The same from what was answered: a{sv} of properties, a(sa{sv}) of slots, aa{sv} of
 * repositories (NULL: none), the primary slot's name (NULL: unknown). */
StatusReply *status_reply_new(GVariant *properties, GVariant *slots, GVariant *repos,
                              const char *primary, GError **error);
/* And what it said of its keyring, a{sv}; empty where it has none. */
void status_reply_set_keyring(StatusReply *reply, GVariant *facts);
void status_reply_free(StatusReply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusReply, status_reply_free)

/* Borrowed. */
const ShowStatus *status_reply_shown(const StatusReply *reply);
