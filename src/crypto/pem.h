/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Certificates and CRLs out of a PEM file. For this folder only.
 */

#include <openssl/x509.h>

#include "base/error.h"
#include "crypto/cert.h"

typedef STACK_OF(X509_INFO) PemStack;

void pem_stack_free(PemStack *stack);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PemStack, pem_stack_free)

/* All of them, in the order of the file; what asks for a passphrase is refused. */
PemStack *pem_read(const char *path, GError **error);

/* The certificates alone; at least one. */
CertStack *pem_read_certs(const char *path, GError **error);
