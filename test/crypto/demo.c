/* SPDX-License-Identifier: MIT */

/* crypto/demo.c against the files in pki/demo, and who acts on it: keyring, verify, sign. */

#include "crypto/demo.h"

#include <string.h>

#include "crypto/verify.h"
#include "pki.h"

#define FOLDER "pki/demo/"

static char *describe(const char *path)
{
	g_autoptr(X509) cert = cert_load(path, NULL);

	g_assert_nonnull(cert);
	return demo_describe(cert);
}

/* The table has what is published, and nothing else. */
static void test_files(void)
{
	g_autoptr(GDir) folder = g_dir_open(FOLDER, 0, NULL);
	unsigned n = 0;

	g_assert_nonnull(folder);
	for (const char *name; (name = g_dir_read_name(folder));) {
		g_autofree char *path = g_strconcat(FOLDER, name, NULL);

		if (!g_str_has_suffix(name, ".cert.pem"))
			continue;
		g_autofree char *described = describe(path);
		g_assert_nonnull(described);
		g_assert_true(g_str_has_prefix(described, "the public demo "));
		g_assert_nonnull(strstr(described, "DEMO - NOT FOR PRODUCTION"));
		n++;
	}
	g_assert_cmpuint(n, ==, 2);
	g_assert_null(describe(pki_path("ca.pem")));
	g_assert_null(describe(pki_path("rsa.pem")));
}

/* A certificate made anew over the public key is as public. */
static void test_other_certificate(void)
{
	g_autofree char *made =
		pki_shell("openssl req -x509 -new -key $TOP/" FOLDER "demo.key.pem -out same.pem "
	                  "-subj '/CN=Nothing to see here' -days 30 && echo made");

	g_assert_cmpstr(made, ==, "made\n");
	g_autofree char *described = describe(pki_own("same.pem"));
	g_assert_cmpstr(described, ==, "the public demo signer 'CN = Nothing to see here'");
}

static const struct {
	const char *path, *folder;
	bool is_demo;
} rings[] = {
	{ FOLDER "demo-ca.cert.pem", NULL, true },
	{ FOLDER "demo.cert.pem", NULL, true },
	{ "mixed.pem", NULL, true },
	{ NULL, "mixed", true },
	{ "ca.pem", "mixed", true },
	{ "ca.pem", NULL, false },
	{ "ca.pem", "folder", false },
};

static const char *find(const char *name)
{
	if (!name || strchr(name, '/'))
		return name;
	return g_str_has_prefix(name, "mixed") ? pki_own(name) : pki_path(name);
}

static void test_keyring(void)
{
	g_autofree char *made =
		pki_shell("cat $P/ca.pem $TOP/" FOLDER "demo-ca.cert.pem >mixed.pem; "
	                  "mkdir mixed; cp mixed.pem $P/other-ca.pem mixed; "
	                  "openssl x509 -in $TOP/" FOLDER "demo-ca.cert.pem -out mixed/demo.pem; "
	                  "rm mixed/mixed.pem; openssl rehash mixed; echo made");

	g_assert_cmpstr(made, ==, "made\n");
	for (unsigned i = 0; i < G_N_ELEMENTS(rings); i++) {
		KeyringRules rules = { .path = find(rings[i].path),
			               .directory = find(rings[i].folder) };
		g_autoptr(GError) error = NULL;

		g_test_message("row %u", i);
		g_autoptr(Keyring) keyring = keyring_load(&rules, &error);
		g_autofree char *warned = pki_warned();
		g_assert_no_error(error);
		g_assert_true(!!keyring_demo(keyring) == rings[i].is_demo);
		g_assert_true(!!warned == rings[i].is_demo);
		if (rings[i].is_demo)
			g_assert_nonnull(strstr(warned, "NOT FOR PRODUCTION"));

		rules.refuse_demo = true;
		g_autoptr(Keyring) refused = keyring_load(&rules, &error);
		g_assert_true(!refused == rings[i].is_demo);
		if (!refused)
			pki_assert_error(error, FAILURE_CONFIG, "contains the public demo ");
	}
}

static SignKey *demo_key(void)
{
	SignKeyFiles files = { .cert_path = FOLDER "demo.cert.pem",
		               .key_path = FOLDER "demo.key.pem" };
	g_autoptr(GError) error = NULL;
	SignKey *key = sign_key_load(&files, &error);

	g_assert_no_error(error);
	return key;
}

static void test_sign(void)
{
	g_autoptr(SignKey) demo = demo_key(), own = pki_key("rsa");
	g_autofree char *said = sign_key_demo(demo);

	g_assert_true(g_str_has_prefix(said, "the public demo signer '"));
	g_assert_null(sign_key_demo(own));
}

/* A keyring that does not have the demo CA and still vouches for its key: somebody cross-signed it. */
static void test_verify(void)
{
	g_autofree char *made = pki_shell(
		"cp $P/ca.conf $P/ca.pem $P/ca.key .; touch root.txt; "
		"openssl req -new -config ca.conf -key $TOP/" FOLDER
		"demo.key.pem -subj /CN=Ours -out d.csr && "
		"openssl x509 -req -in d.csr -CA ca.pem -CAkey ca.key -set_serial 9 -days 30 "
		"-extfile ca.conf -extensions x_leaf -out cross.pem && echo made");
	SignKeyFiles files = { .cert_path = pki_own("cross.pem"),
		               .key_path = FOLDER "demo.key.pem" };
	KeyringRules rules = { .path = pki_path("ca.pem") };
	g_autoptr(GBytes) content = g_bytes_new_static("x", 1);
	g_autoptr(GError) error = NULL;
	g_autoptr(Signers) signers = NULL, none = NULL;
	g_autoptr(GBytes) bytes = NULL, nothing = NULL;

	g_assert_cmpstr(made, ==, "made\n");
	g_autoptr(SignKey) key = sign_key_load(&files, &error);
	g_assert_no_error(error);
	g_autoptr(GBytes) cms = sign_attached(key, content, &error);
	g_autoptr(Keyring) keyring = keyring_load(&rules, &error);

	g_assert_true(verify_cms(cms, NULL, keyring, &signers, &bytes, &error));
	g_autofree char *warned = pki_warned();
	g_assert_true(g_str_has_prefix(warned, "signed by the public demo signer 'CN = Ours': "));

	rules.refuse_demo = true;
	g_autoptr(Keyring) strict = keyring_load(&rules, &error);
	g_assert_nonnull(strict);
	g_assert_false(verify_cms(cms, NULL, strict, &none, &nothing, &error));
	pki_assert_error(error, FAILURE_SIGNATURE, "signed by the public demo signer 'CN = Ours'");
}

int main(int argc, char **argv)
{
	g_autofree char *top = g_get_current_dir();

	pki_init(&argc, &argv);
	g_setenv("TOP", top, TRUE);
	g_test_add_func("/crypto/demo/files", test_files);
	g_test_add_func("/crypto/demo/other-certificate", test_other_certificate);
	g_test_add_func("/crypto/demo/keyring", test_keyring);
	g_test_add_func("/crypto/demo/sign", test_sign);
	g_test_add_func("/crypto/demo/verify", test_verify);
	return pki_run();
}
