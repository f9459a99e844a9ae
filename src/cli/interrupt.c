/* SPDX-License-Identifier: MIT */

#include "cli/interrupt.h"

#include <glib.h>
#include <signal.h>

#define STOP SIGUSR1 /* only ever sent to the thread itself */

struct Interrupt {
	void (*say)(void *user);
	void *user;
	pthread_t thread;
	sigset_t awaited, before;
	bool is_running;
};

static void *wait_for_signals(void *user)
{
	Interrupt *interrupt = user;
	int number;

	while (sigwait(&interrupt->awaited, &number) == 0 && number != STOP)
		interrupt->say(interrupt->user);
	return NULL;
}

Interrupt *interrupt_begin(bool with_term, void (*say)(void *user), void *user)
{
	Interrupt *interrupt = g_new0(Interrupt, 1);

	interrupt->say = say;
	interrupt->user = user;
	sigemptyset(&interrupt->awaited);
	sigaddset(&interrupt->awaited, SIGINT);
	sigaddset(&interrupt->awaited, STOP);
	if (with_term)
		sigaddset(&interrupt->awaited, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &interrupt->awaited, &interrupt->before);
	interrupt->is_running =
		pthread_create(&interrupt->thread, NULL, wait_for_signals, interrupt) == 0;
	return interrupt;
}

void interrupt_end(Interrupt *interrupt)
{
	if (interrupt->is_running) {
		pthread_kill(interrupt->thread, STOP);
		pthread_join(interrupt->thread, NULL);
	}
	pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
	g_free(interrupt);
}
