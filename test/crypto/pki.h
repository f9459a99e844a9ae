/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the tests of this folder share: the certificates of make_pki.sh, a
 * folder for their own files, and the openssl program as the judge.
 */

#include <glib.h>

#include "base/error.h"
#include "crypto/keyring.h"
#include "crypto/sign.h"

void pki_init(int *argc, char ***argv);
int pki_run(void); /* g_test_run(), then the own folder goes */

/* Owned for the whole run. "expired.pem" -> path; and of a file of our own. */
const char *pki_path(const char *name);
const char *pki_own(const char *name);

GBytes *pki_read(const char *path);
void pki_write(const char *path, GBytes *bytes);

/* A command of /bin/sh in our own folder, $P is the PKI: what it printed, NULL if it failed. */
char *pki_shell(const char *command);

SignKey *pki_key(const char *name);    /* <name>.pem and <name>.key */
Keyring *pki_keyring(const char *pem); /* without any rule */

/* The last warning since this was asked, or NULL; the caller's. */
char *pki_warned(void);

/* `part` is in the message, the code is right, OpenSSL's queue is empty. */
void pki_assert_error(GError *error, Failure why, const char *part);
void pki_assert_clean(void);
