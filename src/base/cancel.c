/* SPDX-License-Identifier: MIT */

#include "base/cancel.h"

#include <sys/eventfd.h>

#include "base/error.h"
#include "base/fd.h"

struct Cancel {
	gint refs;
	int event; /* -1: the kernel gave none, then only checks and watches work */
	GMutex lock;
	bool is_closed;
	GError *why;        /* NULL: nobody has asked; once set it stays */
	GPtrArray *watches; /* of const CancelWatch */
};

Cancel *cancel_new(void)
{
	Cancel *cancel = g_new0(Cancel, 1);

	cancel->refs = 1;
	cancel->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	cancel->watches = g_ptr_array_new();
	g_mutex_init(&cancel->lock);
	return cancel;
}

Cancel *cancel_ref(Cancel *cancel)
{
	if (cancel)
		g_atomic_int_inc(&cancel->refs);
	return cancel;
}

void cancel_unref(Cancel *cancel)
{
	if (!cancel || !g_atomic_int_dec_and_test(&cancel->refs))
		return;
	fd_clear(&cancel->event);
	g_ptr_array_unref(cancel->watches);
	g_mutex_clear(&cancel->lock);
	g_clear_error(&cancel->why);
	g_free(cancel);
}

static void wake(const Cancel *cancel)
{
	if (cancel->event >= 0 && eventfd_write(cancel->event, 1) < 0)
		g_debug("a wait that is cancelled notices it late");
	for (unsigned i = 0; i < cancel->watches->len; i++) {
		const CancelWatch *watch = cancel->watches->pdata[i];

		watch->asked(watch->user, cancel->why);
	}
}

bool cancel_ask(Cancel *cancel, const char *by)
{
	if (!cancel)
		return false;
	g_mutex_lock(&cancel->lock);
	bool is_open = !cancel->is_closed;
	if (is_open && !cancel->why) {
		fail(&cancel->why, FAILURE_CANCELLED, "cancelled %s", by);
		wake(cancel);
	}
	g_mutex_unlock(&cancel->lock);
	return is_open;
}

bool cancel_close(Cancel *cancel, GError **error)
{
	if (!cancel)
		return true;
	g_mutex_lock(&cancel->lock);
	cancel->is_closed = true;
	g_mutex_unlock(&cancel->lock);
	return cancel_check(cancel, error);
}

bool cancel_check(Cancel *cancel, GError **error)
{
	if (!cancel)
		return true;
	g_mutex_lock(&cancel->lock);
	const GError *why = cancel->why;
	g_mutex_unlock(&cancel->lock);
	if (why)
		g_propagate_error(error, g_error_copy(why));
	return !why;
}

void cancel_blame(Cancel *cancel, GError **error)
{
	GError *why = NULL;

	if (cancel_check(cancel, &why))
		return;
	g_clear_error(error);
	g_propagate_error(error, why);
}

int cancel_fd(const Cancel *cancel)
{
	return cancel ? cancel->event : -1;
}

void cancel_watch(Cancel *cancel, const CancelWatch *watch)
{
	if (!cancel)
		return;
	g_mutex_lock(&cancel->lock);
	g_ptr_array_add(cancel->watches, (void *)watch);
	if (cancel->why)
		watch->asked(watch->user, cancel->why);
	g_mutex_unlock(&cancel->lock);
}

void cancel_unwatch(Cancel *cancel, const CancelWatch *watch)
{
	if (!cancel)
		return;
	g_mutex_lock(&cancel->lock);
	g_ptr_array_remove(cancel->watches, (void *)watch);
	g_mutex_unlock(&cancel->lock);
}
