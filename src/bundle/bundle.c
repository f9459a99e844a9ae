/* SPDX-License-Identifier: MIT */

#include "bundle/bundle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "bundle/access.h"
#include "bundle/trailer.h"
#include "crypto/digest.h"
#include "source/crypt.h"
#include "source/verity.h"
#include "source/verity_tree.h"

#define MANIFEST_NAME "manifest.raucm"
#define COPY_PART     (1024 * 1024)
#define MOST_LINKS    8

struct BundleFile {
	char *name;
	int fd; /* -1: not a local file, nobody can say who else may write it */
	Source *source;
	Trailer trailer;
	VerifyCmsKind kind;
	GBytes *envelope; /* what trailer.cms was inside of, or NULL */
};

struct Bundle {
	BundleFile *file;
	Manifest *manifest;
	char *manifest_hash;
	Signers *signers;
	Source *payload; /* the squashfs, checked as it is read */
	Squashfs *files;
};

/* Bytes that a server did not send make no wrong format. */
static void name_failure(const BundleFile *file, GError **error)
{
	if (file->fd < 0 && error && *error && !g_error_matches(*error, FAILURE, FAILURE_FORMAT))
		g_prefix_error(error, "Failed to read bundle %s: ", file->name);
	else
		g_prefix_error_literal(error, "Invalid bundle format: ");
}

static BundleFile *open_source(Source *source, const char *name, int fd, uint64_t max_cms,
                               GError **error)
{
	g_autoptr(BundleFile) file = g_new0(BundleFile, 1);

	file->fd = fd;
	file->name = g_strdup(name);
	file->source = source_ref(source);
	if (!trailer_read(source, max_cms, &file->trailer, error) ||
	    !verify_cms_kind(file->trailer.cms, &file->kind, error)) {
		name_failure(file, error);
		return NULL;
	}
	return g_steal_pointer(&file);
}

BundleFile *bundle_file_open(const char *path, uint64_t max_cms, GError **error)
{
	/* O_NONBLOCK: a fifo must be refused, not waited for. */
	fd_auto int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return fail_errno_null(
			error, "Invalid bundle format: Failed to open bundle for reading: %s",
			path);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return fail_null(error, FAILURE_FORMAT,
		                 "Invalid bundle format: Bundle is not a regular file: %s", path);

	/* A second descriptor: the source closes its own, access.c needs one that stays. */
	int again = dup(fd);
	if (again < 0)
		return fail_errno_null(error, "cannot duplicate the descriptor of %s", path);
	g_autoptr(Source) source = source_file_take(again, path, error);
	return source ? open_source(source, path, fd_steal(&fd), max_cms, error) : NULL;
}

BundleFile *bundle_file_open_source(Source *source, const char *name, uint64_t max_cms,
                                    GError **error)
{
	return open_source(source, name, -1, max_cms, error);
}

void bundle_file_free(BundleFile *file)
{
	if (!file)
		return;
	fd_clear(&file->fd);
	source_unref(file->source);
	trailer_clear(&file->trailer);
	g_clear_pointer(&file->envelope, g_bytes_unref);
	g_free(file->name);
	g_free(file);
}

static bool take_inside(BundleFile *file, GBytes *inside, const EnvelopeKey *key, GError **error)
{
	VerifyCmsKind kind;

	if (!verify_cms_kind(inside, &kind, NULL))
		return envelope_fail(file->trailer.cms, key, error);
	if (kind != VERIFY_CMS_ATTACHED)
		return fail(error, FAILURE_FORMAT, "the envelope holds no signed manifest but %s",
		            kind == VERIFY_CMS_ENVELOPED ? "another envelope"
		                                         : "a detached signature");
	file->envelope = file->trailer.cms;
	file->trailer.cms = g_bytes_ref(inside);
	file->kind = kind;
	return true;
}

static bool fail_no_key(GError **error)
{
	return fail(error, FAILURE_CONFIG,
	            "Encrypted bundle detected, but no decryption key given. Use "
	            "--key=<PEMFILE|PKCS11-URL> to provide one.");
}

bool bundle_file_decrypt(BundleFile *file, const EnvelopeKey *key, GError **error)
{
	if (file->kind != VERIFY_CMS_ENVELOPED)
		return true;
	if (!key->key_path)
		return fail_no_key(error);

	ERROR_WHILE(error, "Failed to decrypt bundle");
	g_autoptr(GBytes) inside = envelope_open(file->trailer.cms, key, error);
	return inside && take_inside(file, inside, key, error);
}

GBytes *bundle_file_envelope(const BundleFile *file)
{
	return file->kind == VERIFY_CMS_ENVELOPED ? file->trailer.cms : file->envelope;
}

bool bundle_file_copy(const BundleFile *file, int to, const char *name, GError **error)
{
	g_autofree uint8_t *part = g_malloc(COPY_PART);
	uint64_t size = file->source->size;

	for (uint64_t at = 0; at < size; at += COPY_PART) {
		size_t n = (size_t)MIN(COPY_PART, size - at);

		if (!source_read_at(file->source, part, n, at, error) ||
		    !fd_write_at(to, part, n, at, name, error))
			return false;
	}
	return true;
}

GBytes *bundle_file_cms(const BundleFile *file)
{
	return file->trailer.cms;
}

uint64_t bundle_file_payload_size(const BundleFile *file)
{
	return file->trailer.payload_size;
}

static char *hash_of(GBytes *bytes)
{
	uint8_t hash[DIGEST_SIZE];
	size_t size;
	const void *data = g_bytes_get_data(bytes, &size);

	digest_bytes(data, size, hash);
	return digest_hex(hash, sizeof(hash));
}

static Manifest *parse(GBytes *bytes, char **hash, GError **error)
{
	ERROR_WHILE(error, "Failed to load manifest");
	size_t size;
	const char *text = g_bytes_get_data(bytes, &size);
	g_autoptr(Manifest) manifest = manifest_parse(text, size, error);

	if (!manifest)
		return NULL;
	*hash = hash_of(bytes);
	return g_steal_pointer(&manifest);
}

/* plain: the manifest lies in the payload. */
static Manifest *parse_internal(Squashfs *files, char **hash, GError **error)
{
	g_autoptr(Source) member = squashfs_open_file(files, MANIFEST_NAME, error);
	g_autoptr(GBytes) bytes =
		member ? source_read_all(member, BUNDLE_MAX_MANIFEST, error) : NULL;

	return bytes ? parse(bytes, hash, error) : NULL;
}

static Manifest *parse_external(GBytes *bytes, char **hash, GError **error)
{
	g_autoptr(Manifest) manifest = parse(bytes, hash, error);

	if (manifest && manifest->format == MANIFEST_PLAIN) {
		g_clear_pointer(hash, g_free);
		return fail_null(error, FAILURE_FORMAT,
		                 "Bundle format 'plain' not allowed for external manifest");
	}
	return g_steal_pointer(&manifest);
}

static bool refuse_enveloped(const BundleFile *file, GError **error)
{
	return file->kind != VERIFY_CMS_ENVELOPED || fail_no_key(error);
}

Manifest *bundle_file_peek(const BundleFile *file, char **hash, GError **error)
{
	if (!refuse_enveloped(file, error))
		return NULL;
	if (file->kind == VERIFY_CMS_ATTACHED) {
		g_autoptr(GBytes) bytes = verify_cms_peek(file->trailer.cms, error);

		return bytes ? parse_external(bytes, hash, error) : NULL;
	}

	g_autoptr(Source) payload =
		source_slice_new(file->source, 0, file->trailer.payload_size, error);
	g_autoptr(Squashfs) files = payload ? squashfs_open(payload, error) : NULL;
	return files ? parse_internal(files, hash, error) : NULL;
}

static bool read_source(void *user, void *to, size_t size, uint64_t at, GError **error)
{
	return source_read_at(user, to, size, at, error);
}

/* The signature covers all bytes of the payload, which is then read again: so
 * nobody else may be able to write it in between. */
static bool verify_plain(Bundle *bundle, const BundleRules *rules, GError **error)
{
	BundleFile *file = bundle->file;
	uint64_t size = file->trailer.payload_size;

	if (size > BUNDLE_MAX_PLAIN)
		return fail(error, FAILURE_FORMAT,
		            "Bundle payload size %" G_GUINT64_FORMAT
		            " exceeds maximum for bundles using plain format (2 GiB)",
		            size);
	if (!rules->trust_environment) {
		if (file->fd < 0)
			return fail(
				error, FAILURE_UNSUPPORTED,
				"Bundle format 'plain' not supported in streaming mode: download "
				"%s, or make it with format=verity",
				file->name);
		if (!access_enforce(file->fd, error))
			return false;
	}

	bundle->payload = source_slice_new(file->source, 0, size, error);
	if (!bundle->payload)
		return false;
	VerifyContent content = { .size = size, .read_at = read_source, .user = bundle->payload };
	if (!verify_cms(file->trailer.cms, &content, rules->keyring, &bundle->signers, NULL, error))
		return false;
	bundle->files = squashfs_open(bundle->payload, error);
	if (!bundle->files)
		return false;
	bundle->manifest = parse_internal(bundle->files, &bundle->manifest_hash, error);
	return bundle->manifest && manifest_check_internal(bundle->manifest, error);
}

static bool verify_external(Bundle *bundle, const BundleRules *rules, GError **error)
{
	g_autoptr(GBytes) bytes = NULL;

	if (!verify_cms(bundle->file->trailer.cms, NULL, rules->keyring, &bundle->signers, &bytes,
	                error))
		return false;
	bundle->manifest = parse_external(bytes, &bundle->manifest_hash, error);
	return bundle->manifest && manifest_check_external(bundle->manifest, error);
}

Bundle *bundle_verify(BundleFile *file, const BundleRules *rules, GError **error)
{
	g_autoptr(Bundle) bundle = g_new0(Bundle, 1);

	bundle->file = file;
	if (!refuse_enveloped(file, error))
		return NULL;
	bool is_plain = file->kind == VERIFY_CMS_DETACHED;
	if (!(is_plain ? verify_plain(bundle, rules, error)
	               : verify_external(bundle, rules, error)))
		return NULL;
	if (!(bundle->manifest->format & rules->formats))
		return fail_null(error, FAILURE_REJECTED, "Bundle format '%s' not allowed",
		                 manifest_format_name(bundle->manifest->format));
	g_info("Verified %s signature by %s", is_plain ? "detached" : "inline",
	       signers_subjects(bundle->signers));
	return g_steal_pointer(&bundle);
}

/* plain: the manifest lies in the payload, which nobody has looked at. */
static bool believe_plain(Bundle *bundle, GError **error)
{
	const BundleFile *file = bundle->file;

	bundle->payload = source_slice_new(file->source, 0, file->trailer.payload_size, error);
	bundle->files = bundle->payload ? squashfs_open(bundle->payload, error) : NULL;
	if (!bundle->files)
		return false;
	bundle->manifest = parse_internal(bundle->files, &bundle->manifest_hash, error);
	return bundle->manifest && manifest_check_internal(bundle->manifest, error);
}

static bool believe_external(Bundle *bundle, GError **error)
{
	g_autoptr(GBytes) bytes = verify_cms_peek(bundle->file->trailer.cms, error);

	if (!bytes)
		return false;
	bundle->manifest = parse_external(bytes, &bundle->manifest_hash, error);
	return bundle->manifest && manifest_check_external(bundle->manifest, error);
}

Bundle *bundle_believe(BundleFile *file, GError **error)
{
	g_autoptr(Bundle) bundle = g_new0(Bundle, 1);

	bundle->file = file;
	if (!refuse_enveloped(file, error) ||
	    !(file->kind == VERIFY_CMS_DETACHED ? believe_plain(bundle, error)
	                                        : believe_external(bundle, error)))
		return NULL;
	return g_steal_pointer(&bundle);
}

void bundle_free(Bundle *bundle)
{
	if (!bundle)
		return;
	squashfs_unref(bundle->files);
	source_unref(bundle->payload);
	signers_free(bundle->signers);
	manifest_free(bundle->manifest);
	bundle_file_free(bundle->file);
	g_free(bundle->manifest_hash);
	g_free(bundle);
}

const Manifest *bundle_manifest(const Bundle *bundle)
{
	return bundle->manifest;
}

const char *bundle_manifest_hash(const Bundle *bundle)
{
	return bundle->manifest_hash;
}

const Signers *bundle_signers(const Bundle *bundle)
{
	return bundle->signers;
}

const BundleFile *bundle_file(const Bundle *bundle)
{
	return bundle->file;
}

/* The parameters were checked with the manifest: hex of the right length. */
static bool verity_parameters(const Manifest *manifest, VerityParameters *parameters,
                              GError **error)
{
	parameters->tree_size = manifest->verity_size;
	if (!manifest->verity_hash || !manifest->verity_salt ||
	    !digest_parse_hex(manifest->verity_hash, parameters->root, sizeof(parameters->root)) ||
	    !digest_parse_hex(manifest->verity_salt, parameters->salt, sizeof(parameters->salt)))
		return fail(error, FAILURE_FORMAT, "manifest has no valid verity-hash or -salt");
	return true;
}

Source *bundle_signed_area(const Bundle *bundle, GError **error)
{
	return source_slice_new(bundle->file->source, 0, bundle->file->trailer.payload_size, error);
}

/* What the squashfs lies in, once `checked` has vouched for the bytes. */
static Source *open_clear(const Bundle *bundle, Source *checked, GError **error)
{
	uint8_t key[CIPHER_KEY_SIZE];

	if (bundle->manifest->format != MANIFEST_CRYPT)
		return source_ref(checked);
	if (!digest_parse_hex(bundle->manifest->crypt_key, key, sizeof(key)))
		return fail_null(error, FAILURE_FORMAT, "manifest has no valid crypt-key");

	Source *clear = source_crypt_new(checked, key, error);
	cipher_wipe(key, sizeof(key));
	return clear;
}

bool bundle_open_payload(Bundle *bundle, GError **error)
{
	VerityParameters parameters;

	if (bundle->files)
		return true;
	if (!verity_parameters(bundle->manifest, &parameters, error))
		return false;

	g_autoptr(Source) area = bundle_signed_area(bundle, error);
	g_autoptr(Source) checked = area ? source_verity_new(area, &parameters, error) : NULL;
	if (!checked)
		return false;
	g_clear_pointer(&bundle->payload, source_unref);
	bundle->payload = open_clear(bundle, checked, error);
	if (!bundle->payload)
		return false;
	bundle->files = squashfs_open(bundle->payload, error);
	return bundle->files != NULL;
}

Squashfs *bundle_files(const Bundle *bundle)
{
	g_assert(bundle->files);
	return bundle->files;
}

/* A name may be a link to another file in the root of the bundle, but to nowhere else. */
static Source *open_linked(Squashfs *files, const char *name, unsigned most, GError **error)
{
	SquashfsEntry entry;

	if (!squashfs_find(files, name, &entry, error))
		return NULL;
	bool is_link = entry.type == SQUASHFS_SYMLINK && most && path_is_plain_name(entry.target) &&
	               !strchr(name, '/');
	Source *source = is_link ? open_linked(files, entry.target, most - 1, error)
	                         : squashfs_open_file(files, name, error);
	squashfs_entry_clear(&entry);
	return source;
}

Source *bundle_open_member(const Bundle *bundle, const char *name, GError **error)
{
	g_assert(bundle->files);
	return open_linked(bundle->files, name, MOST_LINKS, error);
}

bool bundle_check_payload(Bundle *bundle, Pool *pool, Progress *progress, GError **error)
{
	VerityParameters parameters;

	/* plain: the signature covered it, bundle_verify() has read all of it. */
	if (bundle->manifest->format == MANIFEST_PLAIN)
		return true;
	if (!verity_parameters(bundle->manifest, &parameters, error))
		return false;
	g_autoptr(Source) area = bundle_signed_area(bundle, error);
	return area && verity_tree_check(area, &parameters, pool, progress, error);
}
