/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The chain over time. For this folder only.
 */

#include "crypto/chain.h"
#include "crypto/term.h"

/*
 * Shorten `term` to that of this certificate, which the keyring must accept now: to the
 * end of its chain, or where another chain takes over then, to the end of that.
 * `certs` came with the signature and are not trusted.
 */
bool term_find(const Keyring *keyring, X509 *cert, CertStack *certs, Term *term, GError **error);
