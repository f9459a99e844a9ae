/* SPDX-License-Identifier: MIT */

#include "bundle/seal.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "bundle/bundle.h"
#include "bundle/trailer.h"
#include "crypto/digest.h"
#include "source/crypt.h"
#include "source/verity_tree.h"

static bool read_source(void *user, void *to, size_t size, uint64_t at, GError **error)
{
	return source_read_at(user, to, size, at, error);
}

static GBytes *sign_plain(Source *payload, const SignKey *key, GError **error)
{
	VerifyContent content = { .size = payload->size, .read_at = read_source, .user = payload };

	if (payload->size > BUNDLE_MAX_PLAIN)
		return fail_null(error, FAILURE_UNSUPPORTED,
		                 "Bundle payload size %" G_GUINT64_FORMAT
		                 " exceeds maximum for bundles using plain format (2 GiB)",
		                 payload->size);
	return sign_detached(key, &content, error);
}

static bool check_size(uint64_t size, GError **error)
{
	if (size % VERITY_BLOCK)
		return fail(error, FAILURE_CONFIG,
		            "squashfs size (%" G_GUINT64_FORMAT ") is not a multiple of 4096 bytes",
		            size);
	if (size <= VERITY_BLOCK)
		return fail(error, FAILURE_CONFIG,
		            "squashfs size (%" G_GUINT64_FORMAT ") must be larger than 4096 bytes",
		            size);
	return true;
}

static bool random_bytes(void *to, size_t size, GError **error)
{
	return getrandom(to, size, 0) == (ssize_t)size ||
	       fail_errno(error, "cannot get random bytes");
}

static bool encrypt(int fd, Source *payload, Manifest *manifest, Pool *pool, GError **error)
{
	uint8_t key[CIPHER_KEY_SIZE];

	if (!random_bytes(key, sizeof(key), error))
		return false;
	bool ok = source_crypt_encrypt(payload, fd, key, pool, error);
	if (ok) {
		g_free(manifest->crypt_key);
		manifest->crypt_key = digest_hex(key, sizeof(key));
	}
	cipher_wipe(key, sizeof(key));
	return ok;
}

/* `*end` becomes the offset behind the tree, where the CMS goes. */
static bool add_tree(int fd, Source *payload, Manifest *manifest, Pool *pool, uint64_t *end,
                     GError **error)
{
	VerityParameters parameters = { 0 };

	if (!random_bytes(parameters.salt, sizeof(parameters.salt), error) ||
	    !verity_tree_create(payload, fd, &parameters, pool, error))
		return false;

	g_free(manifest->verity_hash);
	g_free(manifest->verity_salt);
	manifest->verity_hash = digest_hex(parameters.root, sizeof(parameters.root));
	manifest->verity_salt = digest_hex(parameters.salt, sizeof(parameters.salt));
	manifest->verity_size = parameters.tree_size;
	*end = payload->size + parameters.tree_size;
	return manifest_check_external(manifest, error);
}

GBytes *seal_sign(const Manifest *manifest, Source *payload, const SignKey *key, GError **error)
{
	if (manifest->format == MANIFEST_PLAIN)
		return sign_plain(payload, key, error);

	char *text = manifest_format(manifest);
	g_autoptr(GBytes) bytes = g_bytes_new_take(text, strlen(text));
	return sign_attached(key, bytes, error);
}

bool seal_bundle(int fd, const char *name, Manifest *manifest, const SignKey *key, Pool *pool,
                 GError **error)
{
	ERROR_WHILE(error, "sealing the bundle");
	int again = dup(fd);

	if (again < 0)
		return fail_errno(error, "cannot duplicate the descriptor of %s", name);
	g_autoptr(Source) payload = source_file_take(again, name, error);
	if (!payload)
		return false;

	uint64_t end = payload->size;
	if (manifest->format != MANIFEST_PLAIN && !check_size(payload->size, error))
		return false;
	if (manifest->format == MANIFEST_CRYPT && !encrypt(fd, payload, manifest, pool, error))
		return false;
	if (manifest->format != MANIFEST_PLAIN &&
	    !add_tree(fd, payload, manifest, pool, &end, error))
		return false;

	g_autoptr(GBytes) cms = seal_sign(manifest, payload, key, error);
	return cms && seal_end(fd, name, end, cms, error);
}

bool seal_end(int fd, const char *name, uint64_t end, GBytes *cms, GError **error)
{
	if (g_bytes_get_size(cms) > BUNDLE_MAX_CMS)
		g_warning("the signature has %zu bytes: devices need max-bundle-signature-size=%zu",
		          g_bytes_get_size(cms), g_bytes_get_size(cms));
	return trailer_write(fd, end, cms, name, error) && fd_sync(fd, name, error);
}
