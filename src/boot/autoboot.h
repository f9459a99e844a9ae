/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * autoboot.txt of the Raspberry Pi firmware, as text and as values. No files here.
 *
 * The firmware reads the two boot_partition lines; the comment is ours. The
 * text always has AUTOBOOT_SIZE bytes, each line at the same place whatever
 * it says, so that overwriting it changes as few bytes as can be:
 *
 *   [all]
 *   tryboot_a_b=1
 *   boot_partition=2
 *   [tryboot]
 *   boot_partition=3
 *   # rauc A=good B=trial:3
 */

#include <glib.h>
#include <stdbool.h>

#define AUTOBOOT_SIZE 512 /* the firmware reads no more */
#define AUTOBOOT_MOST 99  /* attempts */

typedef enum {
	AUTOBOOT_UNKNOWN, /* nothing is said about it */
	AUTOBOOT_GOOD,    /* committed */
	AUTOBOOT_TRIAL,   /* with attempts left */
	AUTOBOOT_USED,    /* none left */
	AUTOBOOT_BAD,
} AutobootState;

typedef struct {
	char *name;
	AutobootState state;
	unsigned left; /* of AUTOBOOT_TRIAL */
} AutobootSlot;

typedef struct {
	unsigned all, tryboot; /* partition numbers; 0: none is said */
	bool is_a_b;           /* tryboot_a_b=1 */
	bool has_state;        /* our comment is there */
	GArray *slots;         /* of AutobootSlot */
} Autoboot;

/* Whatever the bytes are: what makes no sense is not there. */
Autoboot *autoboot_parse(const char *bytes, size_t size);
/* AUTOBOOT_SIZE bytes, or NULL: the names of the slots do not fit. */
char *autoboot_format(const Autoboot *autoboot);
void autoboot_free(Autoboot *autoboot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Autoboot, autoboot_free)

/* The slot of this name, made where there is none; valid until the next call. */
AutobootSlot *autoboot_slot(Autoboot *autoboot, const char *name);
