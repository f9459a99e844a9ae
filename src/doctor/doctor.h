/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Is this device one that can be updated, and come back from a bad update? Looks at everything
 * that has a part in it, and changes nothing: no lock, no mount, no file.
 *
 * The same for a root file system in a folder (`root`), at build time. What needs a device that
 * runs is looked at where <root>/proc is one; else it is left out.
 */

#include <glib.h>
#include <stdbool.h>

typedef struct Doctor Doctor;

typedef enum {
	DOCTOR_ERROR,   /* an update, or the way back from one, does not work */
	DOCTOR_WARNING, /* it works now, and may not tomorrow */
	DOCTOR_HINT,    /* good to know */
} DoctorSeverity;

/* A kind of finding. Ids are stable: "<family>.<what>" (doc/doctor.md). */
typedef struct {
	const char *id;
	DoctorSeverity severity;
	const char *why; /* it matters */
	const char *fix;
} DoctorKind;

typedef struct {
	const DoctorKind *kind;
	DoctorSeverity severity; /* here; mostly that of the kind */
	char *what;              /* one sentence */
	char *where;             /* a file, a device, a slot */
} DoctorFinding;

typedef enum { DOCTOR_WORKS, DOCTOR_OFF, DOCTOR_UNKNOWN } DoctorAbility;

typedef struct {
	const char *name;
	DoctorAbility ability;
	char *why;    /* or why not */
	char *enable; /* NULL: nothing to do */
} DoctorFeature;

/* Who serves on the bus, as somebody who can ask it has seen. */
typedef enum { DOCTOR_BUS_UNASKED, DOCTOR_BUS_ABSENT, DOCTOR_BUS_SERVED } DoctorBus;

typedef struct {
	const char *root;               /* NULL: this device */
	const char *conf;               /* NULL: the first of the usual places */
	const GPtrArray *overrides;     /* of ConfigOverride; NULL: none */
	const char *keyring;            /* instead of the configuration's; NULL: that */
	const char *override_boot_slot; /* NULL: ask the kernel command line and the boot loader */
	DoctorBus bus;
	int service_pid; /* with DOCTOR_BUS_SERVED */
} DoctorOptions;

/* Never fails: what cannot be looked at is a finding. */
Doctor *doctor_examine(const DoctorOptions *options);
void doctor_free(Doctor *doctor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Doctor, doctor_free)

bool doctor_is_live(const Doctor *doctor);              /* a device that runs, or a folder? */
const GPtrArray *doctor_findings(const Doctor *doctor); /* of DoctorFinding, the worst first */
const GPtrArray *doctor_features(const Doctor *doctor); /* of DoctorFeature */
unsigned doctor_count(const Doctor *doctor, DoctorSeverity severity);

/* "error", "warning", "hint"; "works", "off", "unknown". */
const char *doctor_severity_word(DoctorSeverity severity);
const char *doctor_ability_word(DoctorAbility ability);

/* All kinds, in the order of doc/doctor.md; NULL for an id that is none. */
const DoctorKind *doctor_kinds(unsigned *n);
const DoctorKind *doctor_kind(const char *id);
