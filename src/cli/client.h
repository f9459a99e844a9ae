/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The update service of this device, seen by its client (chapters 4.5, 5.2).
 *
 * Any service with RAUC's interface will do. Messages of its errors come without the
 * decoration D-Bus puts around them.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct Client Client;

/* The service, started if the bus can do that. NULL without an error: there is none here, and
 * `*why_not` (the caller's) says why, or is NULL where nobody expects one. NULL with an error:
 * there is one, but it does not come. */
Client *client_connect(char **why_not, GError **error);
/* The process that serves there, without starting one. -1: nobody can be asked; 0: none. */
int client_service_pid(void);
void client_free(Client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Client, client_free)

/* A method of the Installer interface. `parameters` may be floating; `type` of the answer. */
GVariant *client_call(Client *client, const char *method, GVariant *parameters, const char *type,
                      GError **error);
/* a{sv} of all its properties. */
GVariant *client_properties(Client *client, GError **error);

/* What is heard during an installation. */
typedef struct {
	void (*operation)(void *user, const char *operation);
	void (*progress)(void *user, int percent, const char *text, int depth);
	void (*last_error)(void *user, const char *text);
	/* a{sv}; not from every service. */
	void (*error_info)(void *user, GVariant *info);
	void (*waiting)(void *user, GVariant *waiting);
	void (*statistics)(void *user, GVariant *statistics);
	/* Ctrl+C or SIGTERM: the service was asked to cancel, or (with an error) does not. NULL: they
	 * are not for the installation, Ctrl+C ends only the client. */
	void (*cancelling)(void *user, const GError *refused);
	void *user;
} ClientEvents;

typedef enum {
	CLIENT_SUCCEEDED,
	CLIENT_FAILED,      /* the installation */
	CLIENT_REFUSED,     /* the call; with an error */
	CLIENT_DISAPPEARED, /* the service or the bus went away */
	CLIENT_INTERRUPTED, /* by Ctrl+C, or a second one; the service goes on */
} ClientResult;

/* Begin an installation and listen until it ends. `options`: a{sv}, may be floating. */
ClientResult client_install(Client *client, const char *bundle, GVariant *options,
                            const ClientEvents *events, GError **error);
