/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the service says of its device, as the values that are shown.
 */

#include "cli/client.h"
#include "cli/show_status.h"

typedef struct StatusReply StatusReply;

typedef struct {
	GVariant *properties; /* a{sv} */
	GVariant *slots;      /* a(sa{sv}) */
	GVariant *repos;      /* aa{sv}, NULL: none */
	GVariant *trust;      /* a{sv}, NULL: the service does not say */
} StatusReplyParts;

/* Asks the service. Without a primary slot: a warning. "Error retrieving slot status via D-Bus: " */
StatusReply *status_reply_fetch(Client *client, GError **error);
/* The same from what was answered; the primary slot's name (NULL: unknown). */
StatusReply *status_reply_new(const StatusReplyParts *parts, const char *primary, GError **error);
/* And what it said of its keyring, a{sv}; empty where it has none. */
void status_reply_set_keyring(StatusReply *reply, GVariant *facts);
void status_reply_free(StatusReply *reply);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(StatusReply, status_reply_free)

/* Borrowed. */
const ShowStatus *status_reply_shown(const StatusReply *reply);
