/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A wish that something long ends now, handed down as a parameter.
 *
 * Anybody may ask, from any thread, once; the work looks between two pieces (cancel_check), puts the
 * descriptor among those it polls, or is told (cancel_watch) where it waits for something else. When
 * the work comes to where there is no way back, it closes the Cancel: from then on nobody can ask.
 * A NULL Cancel is allowed everywhere, and nobody ever asks it.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct Cancel Cancel;

Cancel *cancel_new(void);
Cancel *cancel_ref(Cancel *cancel);
void cancel_unref(Cancel *cancel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Cancel, cancel_unref)

/* `by` is for the message: "cancelled by Ctrl+C". False where it is closed; asking twice is fine. */
bool cancel_ask(Cancel *cancel, const char *by);
/* FAILURE_CANCELLED once somebody has asked: "cancelled <by>". */
bool cancel_check(Cancel *cancel, GError **error);
/* The same; and if nobody has, nobody can any more. */
bool cancel_close(Cancel *cancel, GError **error);
/* The same, in the place of an `error` that is only what came of it. */
void cancel_blame(Cancel *cancel, GError **error);
/* Readable once somebody has asked; -1 of NULL. Never to be read. */
int cancel_fd(const Cancel *cancel);

/*
 * `asked` is called when somebody asks, on their thread, or at once on this one where somebody has.
 * It must not call anything of this module. When cancel_unwatch() returns it has ended, or never
 * comes. The watch belongs to the caller and stays where it is.
 */
typedef struct {
	void (*asked)(void *user, const GError *why); /* as cancel_check() has it */
	void *user;
} CancelWatch;

void cancel_watch(Cancel *cancel, const CancelWatch *watch);
void cancel_unwatch(Cancel *cancel, const CancelWatch *watch);
