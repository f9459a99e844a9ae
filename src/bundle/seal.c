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

/* `*end` becomes the offset behind the tree, where the CMS goes. */
static GBytes *sign_verity(int fd, Source *payload, Manifest *manifest, const SignKey *key,
                           Pool *pool, uint64_t *end, GError **error)
{
	VerityParameters parameters = { 0 };

	if (!check_size(payload->size, error))
		return NULL;
	if (getrandom(parameters.salt, sizeof(parameters.salt), 0) != sizeof(parameters.salt))
		return fail_errno_null(error, "cannot get random bytes for the salt");
	if (!verity_tree_create(payload, fd, &parameters, pool, error))
		return NULL;

	g_free(manifest->verity_hash);
	g_free(manifest->verity_salt);
	manifest->verity_hash = digest_hex(parameters.root, sizeof(parameters.root));
	manifest->verity_salt = digest_hex(parameters.salt, sizeof(parameters.salt));
	manifest->verity_size = parameters.tree_size;
	*end = payload->size + parameters.tree_size;
	if (!manifest_check_external(manifest, error))
		return NULL;

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
	g_autoptr(GBytes) cms = NULL;
	if (manifest->format == MANIFEST_PLAIN)
		cms = sign_plain(payload, key, error);
	else if (manifest->format == MANIFEST_VERITY)
		cms = sign_verity(fd, payload, manifest, key, pool, &end, error);
	else
		fail(error, FAILURE_UNSUPPORTED,
		     "creating bundles of format '%s' is not supported by this version",
		     manifest_format_name(manifest->format));
	if (!cms)
		return false;

	if (g_bytes_get_size(cms) > BUNDLE_MAX_CMS)
		g_warning("the signature has %zu bytes: devices need max-bundle-signature-size=%zu",
		          g_bytes_get_size(cms), g_bytes_get_size(cms));
	return trailer_write(fd, end, cms, name, error) && fd_sync(fd, name, error);
}
