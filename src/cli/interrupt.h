/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Ctrl+C while slots are being written, and SIGTERM where that is wanted: told, and otherwise without
 * effect.
 *
 * The signal is blocked for the whole process and for the programs it starts,
 * and waited for by a thread that only prints. To be begun before other
 * threads are made.
 */

#include <stdbool.h>

typedef struct Interrupt Interrupt;

/* `say` is called on a thread of its own for each of them. */
Interrupt *interrupt_begin(bool with_term, void (*say)(void *user), void *user);
void interrupt_end(Interrupt *interrupt);
