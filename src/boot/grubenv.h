/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A GRUB environment block, as bytes: a header line, NAME=value lines, '#' up
 * to a fixed size. A backslash takes the next byte of a value as it is.
 *
 * Any bytes make a Grubenv. What is not a sound block is rebuilt from the
 * lines that still make sense, and `damage` says what was wrong.
 */

#include <glib.h>
#include <stdbool.h>

#define GRUBENV_SIZE 1024

typedef struct {
	char *bytes; /* sound, `size` long */
	size_t size;
	char *damage; /* "has no GRUB header"; NULL: was sound */
} Grubenv;

Grubenv *grubenv_parse(const char *bytes, size_t size);
void grubenv_free(Grubenv *env);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Grubenv, grubenv_free)

/* The value, or NULL. */
char *grubenv_get(const Grubenv *env, const char *name);

/* Size and everything else stay as they are. False: no room, and nothing changed. */
bool grubenv_set(Grubenv *env, const char *name, const char *value);
