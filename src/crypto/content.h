/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Detached content as something OpenSSL can read in order. For this folder only.
 *
 * OpenSSL's digesting loops may take a failed read for the end, so whoever used
 * a stream asks content_check() before believing the result.
 */

#include <glib.h>
#include <openssl/bio.h>
#include <stdbool.h>

#include "crypto/verify.h"

typedef struct ContentStream ContentStream;

ContentStream *content_open(const VerifyContent *content, GError **error);
void content_close(ContentStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ContentStream, content_close)

/* Owned by the stream. */
BIO *content_bio(ContentStream *stream);

/* Did a read fail? Then its error is in `error`. */
bool content_failed(ContentStream *stream, GError **error);

/* Was every byte read? */
bool content_check(ContentStream *stream, GError **error);
