/* SPDX-License-Identifier: MIT */

#include "bundle/maker.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/file.h"
#include "base/process.h"
#include "bundle/create.h"

Maker *maker_new(void)
{
	Maker *maker = g_new0(Maker, 1);
	g_autoptr(GError) error = NULL;

	maker->folder = g_dir_make_tmp("rauc-test-XXXXXX", NULL);
	maker->key = maker_path(maker, "key.pem");
	maker->cert = maker_path(maker, "cert.pem");
	process_run(&error, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
	            "ec_paramgen_curve:P-256", "-nodes", "-days", "300", "-subj",
	            "/O=Test/CN=Signer", "-keyout", maker->key, "-out", maker->cert, NULL);
	g_assert_no_error(error);
	return maker;
}

void maker_free(Maker *maker)
{
	g_assert_true(file_remove_tree(maker->folder, NULL));
	g_free(maker->folder);
	g_free(maker->key);
	g_free(maker->cert);
	g_free(maker);
}

char *maker_path(const Maker *maker, const char *name)
{
	return g_build_filename(maker->folder, name, NULL);
}

char *maker_content(const Maker *maker, const char *name, const char *manifest)
{
	char *folder = maker_path(maker, name);
	g_autofree char *path = g_build_filename(folder, "manifest.raucm", NULL);

	g_assert_true(file_remove_tree(folder, NULL));
	g_assert_cmpint(g_mkdir(folder, 0755), ==, 0);
	g_assert_true(g_file_set_contents(path, manifest, -1, NULL));
	return folder;
}

GBytes *maker_image(const char *folder, const char *name, size_t size, uint32_t seed)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	uint8_t *data = g_malloc0(size);
	uint32_t state = seed * 2654435761u + 1;

	/* Every third 64 KiB stays zero. */
	for (size_t i = 0; i < size; i++) {
		state = state * 1664525u + 1013904223u;
		if (i / 65536 % 3 != 1)
			data[i] = (uint8_t)(state >> 24);
	}
	g_assert_true(g_file_set_contents(path, (char *)data, (gssize)size, NULL));
	return g_bytes_new_take(data, size);
}

char *maker_bundle(const Maker *maker, const char *content, const char *name, GError **error)
{
	SignKeyFiles files = { .cert_path = maker->cert, .key_path = maker->key };
	g_autoptr(SignKey) key = sign_key_load(&files, error);
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	g_autoptr(Pool) pool = pool_new(2, 6);
	g_autofree char *path = maker_path(maker, name);
	BundleCreate request = { .input = content,
		                 .output = path,
		                 .key = key,
		                 .check = { .keyring = keyring },
		                 .pool = pool };

	return key && bundle_create(&request, error) ? g_steal_pointer(&path) : NULL;
}

Keyring *maker_keyring(const Maker *maker)
{
	KeyringRules rules = { .path = maker->cert };
	g_autoptr(GError) error = NULL;
	Keyring *keyring = keyring_load(&rules, &error);

	g_assert_no_error(error);
	return keyring;
}

Bundle *maker_open(const Maker *maker, const char *path, GError **error)
{
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	BundleRules rules = { .keyring = keyring,
		              .formats = MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT,
		              .trust_environment = true };
	BundleFile *file = bundle_file_open(path, BUNDLE_MAX_CMS, error);

	return file ? bundle_verify(file, &rules, error) : NULL;
}
