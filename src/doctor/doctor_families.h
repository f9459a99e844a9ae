/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The inside of a Doctor: what the families of checks look at, and how they say what they found.
 * For this folder only.
 */

#include <stdint.h>

#include "boot/boot.h"
#include "doctor/doctor.h"
#include "model/config.h"
#include "model/status.h"

struct Doctor {
	const DoctorOptions *options; /* while it examines */
	char *root;                   /* real, without a slash at its end; "" for this device */
	bool is_live;
	char *cmdline;   /* of the kernel; NULL: not live */
	char *mountinfo; /* as the device names mount points; "" where there is none */
	char *conf;      /* where system.conf is; NULL: nowhere */
	Config *config;  /* its paths are below `root`; NULL: none that can be used */
	Boot *boot;      /* NULL: none that can be asked from here */
	StatusFile *status;
	const Slot *booted; /* NULL: unknown, or none of them */
	bool is_external;
	GPtrArray *findings, *features;
};

/* The families, in the order in which they are asked: later ones use what earlier ones found. */
void doctor_config(Doctor *doctor);
void doctor_slots(Doctor *doctor);
void doctor_boot(Doctor *doctor);
void doctor_health(Doctor *doctor);
void doctor_trust(Doctor *doctor);
void doctor_streaming(Doctor *doctor);
void doctor_service(Doctor *doctor);
void doctor_feature(Doctor *doctor); /* the matrix */

/* `where` NULL: nothing to name. */
void doctor_find(Doctor *doctor, const char *id, const char *where, const char *format, ...)
	G_GNUC_PRINTF(4, 5);
void doctor_find_as(Doctor *doctor, DoctorSeverity severity, const char *id, const char *where,
                    const char *format, ...) G_GNUC_PRINTF(5, 6);
bool doctor_has_found(const Doctor *doctor, const char *id);

/* A path of the device: below `root`, links followed as the device would. The caller's. */
char *doctor_path(const Doctor *doctor, const char *path);
/* And back, for messages: as the device names it. Borrowed from `path`. */
const char *doctor_name(const Doctor *doctor, const char *path);
bool doctor_has(const Doctor *doctor, const char *path);
/* file_read() of a path that is real already, for regular files only: others may have no end, or never come. */
char *doctor_slurp(const char *real, size_t limit, size_t *size, GError **error);
/* What is in a small file, NULL: cannot be read. */
char *doctor_read(const Doctor *doctor, const char *path);
/* The first of `folders` (NULL-terminated) with this file in it; NULL: none. The caller's, as the
 * device names it. */
char *doctor_search(const Doctor *doctor, const char *const *folders, const char *name);
/* Of a program: in the usual PATH. */
bool doctor_has_program(const Doctor *doctor, const char *name);

/* The folder itself or the next above it that is there; `path` is real. The caller's. */
char *doctor_existing(const char *path);
/* May a file be made there? Asks, and makes none. `*why` is a constant where not. */
bool doctor_is_writable(const char *folder, const char **why);
/* The slot in whose file system a real path lies, by the mounts; NULL: none. */
const Slot *doctor_slot_around(const Doctor *doctor, const char *path);
/* What is kept of a slot; NULL: nothing. The caller's. */
SlotStatus *doctor_status(const Doctor *doctor, const Slot *slot);
/* Is a word "key" or "key=…" on the kernel command line? Its value, "" without; the caller's. */
char *doctor_word(const Doctor *doctor, const char *key);
/* Seconds since the kernel started; 0: unknown. */
uint64_t doctor_uptime(const Doctor *doctor);
