/* SPDX-License-Identifier: MIT */

#include "bundle/encrypt.h"

#include <string.h>

#include "base/error.h"
#include "bundle/maker.h"

static Maker *maker, *recipient, *stranger;

static char *make_bundle(const char *format)
{
	g_autofree char *text = g_strdup_printf("[update]\ncompatible=Test\n[bundle]\nformat=%s\n"
	                                        "[image.rootfs]\nfilename=rootfs.img\n",
	                                        format);
	g_autofree char *content = maker_content(maker, "in", text);
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 200000, 3);

	return maker_bundle(maker, content, format, NULL);
}

static bool encrypt(const char *in, const char *out, const char *to, GError **error)
{
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	g_autoptr(Pool) pool = pool_new(0, 1);
	BundleRules rules = { .keyring = keyring, .formats = MANIFEST_VERITY | MANIFEST_CRYPT };
	EnvelopeKey no_key = { 0 };
	Rework rework = { .input = in,
		          .output = out,
		          .max_cms = BUNDLE_MAX_CMS,
		          .rules = &rules,
		          .decrypt = &no_key,
		          .pool = pool };
	const char *recipients[] = { to, NULL };
	unsigned n;

	return encrypt_bundle(&rework, recipients, &n, error);
}

static BundleFile *open_with(const char *path, const Maker *who, GError **error)
{
	EnvelopeKey key = { .key_path = who ? who->key : NULL };
	g_autoptr(BundleFile) file = bundle_file_open(path, BUNDLE_MAX_CMS, error);

	return file && bundle_file_decrypt(file, &key, error) ? g_steal_pointer(&file) : NULL;
}

static void test_round(void)
{
	g_autofree char *in = make_bundle("crypt"), *out = maker_path(maker, "secret");
	g_autoptr(Keyring) keyring = maker_keyring(maker);
	BundleRules rules = { .keyring = keyring, .formats = MANIFEST_CRYPT };
	g_autoptr(GError) error = NULL, no_key = NULL, wrong = NULL;

	g_assert_true(encrypt(in, out, recipient->cert, &error));
	g_assert_no_error(error);
	g_assert_null(open_with(out, NULL, &no_key));
	g_assert_nonnull(strstr(no_key->message, "no decryption key given"));
	g_assert_null(open_with(out, stranger, &wrong));
	g_assert_true(g_str_has_prefix(wrong->message, "Failed to decrypt bundle: Failed to "
	                                               "decrypt CMS EnvelopedData: "));

	g_autoptr(Bundle) bundle = bundle_verify(open_with(out, recipient, &error), &rules, &error);
	g_assert_no_error(error);
	g_assert_nonnull(bundle_file_envelope(bundle_file(bundle)));
	g_assert_true(bundle_open_payload(bundle, &error));
	g_autoptr(Source) member = bundle_open_member(bundle, "rootfs.img", &error);
	g_autoptr(GBytes) got = source_read_all(member, 1 << 20, &error);
	g_autofree char *path = maker_path(maker, "in/rootfs.img"), *image = NULL;
	gsize size;
	g_assert_true(g_file_get_contents(path, &image, &size, NULL));
	g_assert_cmpmem(image, size, g_bytes_get_data(got, NULL), g_bytes_get_size(got));
}

static void test_refused(void)
{
	g_autofree char *clear = make_bundle("verity"), *crypt = maker_path(maker, "crypt");
	g_autofree char *out = maker_path(maker, "never");
	g_autoptr(GError) format = NULL, nobody = NULL;

	g_assert_false(encrypt(clear, out, recipient->cert, &format));
	g_assert_cmpstr(format->message, ==,
	                "Refused to encrypt input bundle that is not in 'crypt' format.");
	g_assert_false(encrypt(crypt, out, recipient->key, &nobody));
	g_assert_nonnull(strstr(nobody->message, "Expecting: CERTIFICATE"));
	g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	recipient = maker_new();
	stranger = maker_new();
	g_test_add_func("/bundle/encrypt/round", test_round);
	g_test_add_func("/bundle/encrypt/refused", test_refused);

	int status = g_test_run();
	maker_free(maker);
	maker_free(recipient);
	maker_free(stranger);
	return status;
}
