/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What was said on the command line, and how it is read (chapter 4.1).
 *
 * Options come from tables of rows; a verb names the tables it takes. Reading
 * has two passes: the first knows the options of every verb and takes them
 * wherever they stand, the second is strict and knows those of the one verb.
 */

#include <glib.h>
#include <stdbool.h>

#include "system/stream.h"
#include "system/system.h"

/* `rauc service`, which this door does not know; handler_args may be NULL. The exit code. */
typedef int (*OptionsServe)(System *system, const char *handler_args);

typedef struct {
	OptionsServe serve;
	/* every verb */
	char *conf, *mount;
	GStrv confopt;
	gboolean is_debug, wants_version, wants_help;
	/* keys and trust */
	char *cert, *key, *keyring, *signing_keyring;
	GStrv intermediate;
	GStrv deployed_keyring, carries_keyring; /* who has to accept what is made */
	char *accepted_until, *next_cert;
	gboolean trust_environment, no_verify, no_check_time;
	/* resign, encrypt, convert */
	gboolean append;
	GStrv to;
	/* bundle, convert */
	char *mksquashfs_args, *casync_args;
	GStrv ignore_image;
	/* bundle */
	GStrv from;
	/* info, status */
	char *output_format;
	gboolean dump_cert, dump_recipients, is_detailed;
	/* install */
	gboolean ignore_compatible, ignore_version_limit, show_progress, cancel_on_interrupt;
	gboolean is_terse; /* no option: what is said goes to a log */
	char *transaction_id, *require_manifest_hash, *handler_args, *override_boot_slot;
	/* write-slot */
	char *image_type, *image_type_compat; /* the second is its older name */
	/* update */
	char *url;
	gboolean only_check, is_forced;
	/* doctor */
	char *root;
	/* access to a server */
	char *tls_cert, *tls_key, *tls_ca;
	gboolean tls_no_verify;
	GStrv http_header;

	GStrv arguments; /* what is left: program, verb, its arguments */
	guint n_arguments;
} Options;

/* One option; tables of them end with a row without name. */
typedef struct {
	const char *name;
	char letter;
	GOptionArg kind;
	size_t offset; /* of the field of Options */
	const char *text, *value;
} OptionsRow;

extern const OptionsRow options_install[], options_bundle[], options_resign[], options_convert[],
	options_encrypt[], options_replace_signature[], options_extract[], options_info[],
	options_status[], options_write_slot[], options_service[], options_keyring[],
	options_doctor[], options_update[];

/* How one command line is described in its help. */
typedef struct {
	const char *parameters; /* behind "rauc [OPTION…] " */
	const char *summary;    /* above the options */
	const char *heading;    /* "Info options:", NULL: the verb has none of its own */
	const char *epilogue;   /* below, NULL: nothing */
	const OptionsRow *rows; /* NULL: none */
} OptionsHelp;

/* What of it is about a server; borrows. */
StreamAccess options_access(const Options *options);
void options_clear(Options *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Options, options_clear)

/* First pass: options of every verb, unknown ones left in options->arguments. */
bool options_parse_global(Options *options, char *const *argv, GError **error);
/* Second pass, over what the first has left. */
bool options_parse_verb(Options *options, const OptionsHelp *help, GError **error);

/* The help text; the caller frees it. */
char *options_format_help(const OptionsHelp *help);
