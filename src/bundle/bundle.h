/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A bundle: [payload][CMS][size of CMS, 8 bytes, big endian].
 *
 * Two types, so that nobody can use what nobody has checked. BundleFile is a
 * bundle found but not believed: it knows where the CMS lies and nothing else.
 * bundle_verify() is the one way from it to a Bundle, whose manifest is signed
 * by a key the keyring trusts and whose payload checks itself as it is read.
 */

#include "base/pool.h"
#include "base/progress.h"
#include "crypto/envelope.h"
#include "crypto/keyring.h"
#include "crypto/verify.h"
#include "model/manifest.h"
#include "source/source.h"
#include "squashfs/squashfs.h"

#define BUNDLE_MAX_CMS      (64 * 1024)           /* max-bundle-signature-size, by default */
#define BUNDLE_MAX_PLAIN    ((uint64_t)INT32_MAX) /* largest payload of a plain bundle */
#define BUNDLE_MAX_MANIFEST (1024 * 1024)

typedef struct BundleFile BundleFile;
typedef struct Bundle Bundle;

/* A local file. Messages begin with "Invalid bundle format: ". */
BundleFile *bundle_file_open(const char *path, uint64_t max_cms, GError **error);
/* Any source; keeps it. `name` is for messages. A plain bundle in it is only
 * accepted with `trust_environment`, because nobody can say who else may write it. */
BundleFile *bundle_file_open_source(Source *source, const char *name, uint64_t max_cms,
                                    GError **error);
void bundle_file_free(BundleFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BundleFile, bundle_file_free)

/* Where the CMS is an envelope, open it: what comes next works on what was inside. Without one
 * nothing happens, with or without a key. */
bool bundle_file_decrypt(BundleFile *file, const EnvelopeKey *key, GError **error);

/* The SignedData; still the envelope before bundle_file_decrypt(). */
GBytes *bundle_file_cms(const BundleFile *file);
/* The EnvelopedData as it lies in the file, NULL: there is none. */
GBytes *bundle_file_envelope(const BundleFile *file);
/* Payload and hash tree: what lies before the CMS. */
uint64_t bundle_file_payload_size(const BundleFile *file);
/* All of it, as it is, to the start of an empty file. */
bool bundle_file_copy(const BundleFile *file, int to, const char *name, GError **error);

/* The manifest, parsed but not believed: `info --no-verify`. `*hash` is its hash in hex. */
Manifest *bundle_file_peek(const BundleFile *file, char **hash, GError **error);

typedef struct {
	const Keyring *keyring;
	ManifestFormat formats; /* mask of those allowed */
	bool trust_environment; /* plain: nobody else can write the file */
} BundleRules;

/* Takes `file` in any case. */
Bundle *bundle_verify(BundleFile *file, const BundleRules *rules, GError **error);
/* Without asking who signed it: for verbs of the host that were told --no-verify. Takes `file`.
 * The payload is still checked against the manifest. */
Bundle *bundle_believe(BundleFile *file, GError **error);
void bundle_free(Bundle *bundle);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Bundle, bundle_free)

const Manifest *bundle_manifest(const Bundle *bundle);
const char *bundle_manifest_hash(const Bundle *bundle);
/* NULL after bundle_believe(). */
const Signers *bundle_signers(const Bundle *bundle);
const BundleFile *bundle_file(const Bundle *bundle);
/* Payload and hash tree as they lie in the file: what a plain bundle is signed over. */
Source *bundle_signed_area(const Bundle *bundle, GError **error);

/* Open what the payload carries; needed before the two below. Cheap: nothing is read ahead. */
bool bundle_open_payload(Bundle *bundle, GError **error);
Squashfs *bundle_files(const Bundle *bundle);
/* One member of the payload, by the name the manifest gives it. */
Source *bundle_open_member(const Bundle *bundle, const char *name, GError **error);

/* Check every byte of the payload now, in the pool: "bundle payload is corrupted". */
bool bundle_check_payload(Bundle *bundle, Pool *pool, Progress *progress, GError **error);
