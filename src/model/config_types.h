/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The sections of system.conf as plain values; config.h has the whole and the
 * functions. Strings are NULL where the key is unset, unless it is said.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
	char *path, *directory; /* resolved, NULL: unset */
	bool check_crl, allow_partial_chain, use_bundle_signing_time;
	char *check_purpose;
	GStrv allowed_signer_cns; /* NULL: any */
	bool allow_demo_keys; /* ours: pki/demo may be trusted, by default if the build says so */
	int expiry_warning_days; /* ours: warn this long before an anchor or CRL ends; 0: never */
} ConfigKeyring;

typedef struct {
	char *store_path, *tmp_path;
	GStrv install_args;
	bool use_desync;
} ConfigCasync;

typedef struct {
	char *sandbox_user; /* NULL: the one built in */
	char *tls_cert, *tls_key, *tls_ca;
	GStrv send_headers;
	/* ours; the numbers are defaults */
	int stall_timeout_sec;   /* 20: without a byte, then the connection is dialled anew */
	int connect_timeout_sec; /* 20 */
	int retry_max_sec;       /* 60: the longest pause between two tries */
	int deadline_sec;        /* 0: none; else the end, this long without a byte */
	int connections;         /* 4: at once, with HTTP/1.1 */
	uint64_t rate_limit;     /* 0: none; bytes a second */
} ConfigStreaming;

typedef struct {
	char *url; /* NULL: no polling, then nothing else is set */
	int interval_sec, max_interval_sec;
	GStrv inhibit_files, candidate_criteria, install_criteria, reboot_criteria, reboot_cmd;
} ConfigPolling;

/* Ours: what holds for `rauc update`, and besides [polling] for the service's poller. */
typedef struct {
	char *url;
	GStrv criteria;      /* what is new; NULL: the default of who asks */
	GStrv window;        /* maintenance windows, see model/window.h; NULL: always */
	int rollout_percent; /* 100: of the devices, how many take it */
	GStrv inhibit_files; /* while one of them is there, nothing is installed */
	bool reboot;         /* `rauc update`: into what was installed */
} ConfigUpdate;

typedef struct {
	char *name, *filename, *format; /* filename resolved below the data directory */
	GStrv events;
	uint64_t max_size;
	int max_files;
} ConfigLog;

typedef struct {
	char *name, *path, *type, *description;
} ConfigRepo;
