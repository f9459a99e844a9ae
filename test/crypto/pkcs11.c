/* SPDX-License-Identifier: MIT */

/* crypto/pkcs11*.c: URLs, and keys in SoftHSM behind pkcs11_shim.c; the openssl program judges. */

#include "crypto/pkcs11.h"

#include <openssl/err.h>
#include <string.h>

#include "crypto/pkcs11_url.h"
#include "pki.h"
#include "token.h"

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
/* Parts in the order of a URL, "name=value" with everything but letters and digits as %XX. */
static const struct {
	const char *url, *parts, *pin, *pin_source;
} good[] = {
	{ "pkcs11:", "", NULL, NULL },
	{ "pkcs11:token=one", "token=one", NULL, NULL },
	{ "pkcs11:token=one;object=ec", "token=one;object=ec", NULL, NULL },
	{ "pkcs11:object=a%20b%3b%3F", "object=a%20b%3B%3F", NULL, NULL },
	{ "pkcs11:id=%00%01%ff", "id=%00%01%FF", NULL, NULL },
	{ "pkcs11:id=01", "id=01", NULL, NULL },
	{ "pkcs11:token=", "", NULL, NULL },
	{ "pkcs11:token=a b#|\xc3\xa4", "token=a%20b%23%7C%C3%A4", NULL, NULL },
	{ "pkcs11:token=a=b", "token=a%3Db", NULL, NULL },
	{ "pkcs11:token=x?pin-value=1234", "token=x", "1234", NULL },
	{ "pkcs11:token=x?pin-value=", "token=x", "", NULL },
	{ "pkcs11:token=x?pin-value=a%26b", "token=x", "a&b", NULL },
	{ "pkcs11:token=x?pin-value=1;2", "token=x", "1;2", NULL },
	{ "pkcs11:token=x?pin-source=file:/run/pin", "token=x", NULL, "file:/run/pin" },
	{ "pkcs11:token=x?pin-source=/run/pin", "token=x", NULL, "/run/pin" },
	{ "pkcs11:token=x?module-path=/m.so&pin-value=1&x-y=2", "token=x", "1", NULL },
	{ "pkcs11:?pin-value=1", "", "1", NULL },
	{ "pkcs11:serial=0;slot-id=42;type=private", "serial=0;slot-id=42;type=private", NULL,
	  NULL },
	{ "pkcs11:library-description=SoftHSM;model=m;manufacturer=n;slot-description=s",
	  "manufacturer=n;model=m;library-description=SoftHSM;slot-description=s", NULL, NULL },
};

static const char *const names[PKCS11_URL_N_PARTS] = {
	"token",
	"manufacturer",
	"serial",
	"model",
	"library-description",
	"library-manufacturer",
	"slot-description",
	"slot-manufacturer",
	"slot-id",
	"object",
	"id",
	"type",
};

static void test_url(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Pkcs11Url) url = pkcs11_url_parse(good[i].url, &error);
		g_autoptr(GString) parts = g_string_new("pkcs11:");

		g_assert_no_error(error);
		for (unsigned part = 0; part < PKCS11_URL_N_PARTS; part++)
			if (url->parts[part])
				pkcs11_url_append(parts, names[part],
				                  g_bytes_get_data(url->parts[part], NULL),
				                  g_bytes_get_size(url->parts[part]));
		g_assert_cmpstr(parts->str + strlen("pkcs11:"), ==, good[i].parts);
		g_assert_cmpstr(url->pin, ==, good[i].pin);
		g_assert_cmpstr(url->pin_source, ==, good[i].pin_source);
	}
}

static const struct {
	const char *url, *part;
} bad[] = {
	{ "pkcs1:token=a", "must begin with pkcs11:" },
	{ "pkcs11:token", "name=value" },
	{ "pkcs11:=a", "name=value" },
	{ "pkcs11:token=a;;object=b", "name=value" },
	{ "pkcs11:token=a;", NULL },
	{ "pkcs11:token=a&object=b",
	  NULL }, /* one token of that odd name: RFC 7512 allows & there */
	{ "pkcs11:token=a?pin-value", "name=value" },
	{ "pkcs11:token=%", "two hexadecimal digits" },
	{ "pkcs11:token=%2", "two hexadecimal digits" },
	{ "pkcs11:token=%zz", "two hexadecimal digits" },
	{ "pkcs11:token=a\nb", "a control character" },
	{ "pkcs11:token=a;token=b", "the same attribute twice" },
	{ "pkcs11:token=a?pin-value=1&pin-value=2", "the same attribute twice" },
	{ "pkcs11:token=a?pin-value=1&pin-source=/b", "pin-value and pin-source" },
	{ "pkcs11:token=a?pin-value=%00", "NUL" },
	{ "pkcs11:slot=1", "unknown attribute 'slot'" },
	{ "pkcs11:Token=1", "unknown attribute 'Token'" },
	{ "pkcs11:tok%65n=1", "unknown attribute 'tok%65n'" },
	{ "pkcs11:pin-value=4711", "unknown attribute 'pin-value'" },
	{ "pkcs11:slot-id=0x1", "slot-id must be a number" },
};

static void test_bad_url(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Pkcs11Url) url = pkcs11_url_parse(bad[i].url, &error);

		if (!bad[i].part) {
			g_assert_no_error(error);
			continue;
		}
		g_assert_null(url);
		pki_assert_error(error, FAILURE_CONFIG, bad[i].part);
		g_assert_null(strstr(error->message, "4711"));
	}

	g_autofree char *filler = g_strnfill(5000, 'a');
	g_autofree char *endless = g_strconcat("pkcs11:token=", filler, NULL);
	g_autoptr(GError) error = NULL;
	g_assert_null(pkcs11_url_parse(endless, &error));
	pki_assert_error(error, FAILURE_CONFIG, "4096");
}

static const struct {
	const char *path, *shown;
} redacted[] = {
	{ "/etc/key.pem?pin-value=1", "/etc/key.pem?pin-value=1" }, /* a file of that name */
	{ "pkcs11:token=a", "pkcs11:token=a" },
	{ "pkcs11:token=a?pin-value=4711", "pkcs11:token=a?***" },
	{ "pkcs11:token=a?PIN%2dvalue=4711&x=4711", "pkcs11:token=a?***" },
	{ "pkcs11:token=a;pin-value=4711;object=b", "pkcs11:token=a;pin-value=***" },
	{ "pkcs11:Pin-Value=4711", "pkcs11:pin-value=***" },
	{ "pkcs11:a?b?pin-value=4711", "pkcs11:a?***" },
};

static void test_redact(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(redacted); i++) {
		g_autofree char *shown = pkcs11_show(redacted[i].path);

		g_assert_cmpstr(shown, ==, redacted[i].shown);
	}
}

static const struct {
	const char *url, *pin;
	const char *judge; /* what it must be, in the PKI */
} certs[] = {
	{ "pkcs11:token=one;object=rsa", NULL, "rsa.pem" },
	{ "pkcs11:token=one;id=%02", NULL, "ec.pem" },
	{ "pkcs11:token=one;object=ec;type=cert", "wrong", "ec.pem" },
	{ "pkcs11:token=one;object=odd%20name%3b%3f%25", NULL, "chained.pem" },
	{ "pkcs11:token=one;id=%03%ff%00", NULL, "chained.pem" },
	{ "pkcs11:token=one;object=same;id=%05", NULL, "rsa.pem" },
	{ "pkcs11:token=other;object=ec", NULL, "self.pem" },
	{ "pkcs11:token=other", NULL, "self.pem" },
	{ "pkcs11:object=rsa;manufacturer=SoftHSM%20project;model=SoftHSM%20v2", NULL, "rsa.pem" },
	{ "pkcs11:token=other;library-manufacturer=SoftHSM", NULL, "self.pem" },
};

static void test_certs(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(certs); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(X509) judge = cert_load(pki_path(certs[i].judge), NULL);

		g_test_message("%s", certs[i].url);
		g_setenv("RAUC_PKCS11_PIN", certs[i].pin ? certs[i].pin : "", TRUE);
		token_forget_calls();
		g_autoptr(X509) cert = cert_load(certs[i].url, &error);
		g_assert_no_error(error);
		g_assert_cmpint(X509_cmp(cert, judge), ==, 0);
		g_assert_cmpuint(token_count_calls("login"), ==, 0); /* everybody may see it */
		pki_assert_clean();
	}
}

static const struct {
	const char *url, *pin;
	const char *cert; /* whose key it must be */
} keys[] = {
	{ "pkcs11:token=one;object=rsa", "1234", "rsa.pem" },
	{ "pkcs11:token=one;object=rsa?pin-value=1234", "wrong", "rsa.pem" },
	{ "pkcs11:token=one;object=rsa?pin-value=%31234", NULL, "rsa.pem" },
	{ "pkcs11:token=one;object=rsa?pin-value=", "1234", "rsa.pem" },
	{ "pkcs11:token=one;id=%02;type=private", "1234", "ec.pem" },
	{ "pkcs11:token=one;object=odd%20name%3b%3f%25", "1234", "chained.pem" },
	{ "pkcs11:token=one;object=same;id=%04", "1234", "ec.pem" },
	{ "pkcs11:token=one;object=same;id=%05", "1234", "rsa.pem" },
	{ "pkcs11:token=one;object=bare", "1234", "self.pem" },
	{ "pkcs11:token=other;object=ec", "1234", "self.pem" },
};

static void test_keys(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
		const char *content = "[update]\n";
		g_autoptr(GBytes) bytes = g_bytes_new_static(content, strlen(content));
		SignKeyFiles files = { .cert_path = pki_path(keys[i].cert),
			               .key_path = keys[i].url };
		g_autoptr(GError) error = NULL;

		g_test_message("%s", keys[i].url);
		g_setenv("RAUC_PKCS11_PIN", keys[i].pin ? keys[i].pin : "", TRUE);
		g_autoptr(SignKey) key = sign_key_load(&files, &error);
		g_assert_no_error(error);
		pki_assert_clean();

		g_autoptr(GBytes) cms = sign_attached(key, bytes, &error);
		g_assert_no_error(error);
		pki_assert_clean();
		pki_write(pki_own("cms"), cms);
		g_autofree char *out =
			pki_shell("cat $P/bundle.pem $P/self.pem >trusted; openssl cms "
		                  "-verify -binary -inform DER -in cms -partial_chain "
		                  "-CAfile trusted");
		g_assert_cmpstr(out, ==, content);
	}
}

/* What openssl encrypted for a certificate opens with its key in the token. */
static const struct {
	const char *url, *cert, *how;
} recipients[] = {
	{ "pkcs11:token=one;object=rsa", "rsa.pem", "" },
	{ "pkcs11:token=one;object=rsa", "rsa.pem", "-aes-256-gcm" },
	{ "pkcs11:token=one;object=opens", "ec.pem", "" },
	{ "pkcs11:token=one;object=opens", "ec.pem", "-aes-256-cbc" },
	{ "pkcs11:token=one;object=rsa", "rsa.pem", "$P/ec.pem" },
	{ "pkcs11:token=one;object=opens", "ec.pem", "$P/rsa.pem" },
};

static void test_decrypt(void)
{
	g_setenv("RAUC_PKCS11_PIN", "1234", TRUE);
	for (unsigned i = 0; i < G_N_ELEMENTS(recipients); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *command =
			g_strdup_printf("echo hidden | openssl cms -encrypt -binary "
		                        "-outform DER -out cms %s $P/%s",
		                        recipients[i].how, recipients[i].cert);
		g_autofree char *made = pki_shell(command);
		g_assert_nonnull(made);

		g_test_message("%s %s", recipients[i].url, recipients[i].how);
		g_autoptr(EVP_PKEY) key = cert_load_key(recipients[i].url, NULL, &error);
		g_autoptr(X509) cert = cert_load(pki_path(recipients[i].cert), &error);
		g_assert_no_error(error);
		g_autoptr(BIO) in = BIO_new_file(pki_own("cms"), "rb");
		g_autoptr(BIO) out = BIO_new(BIO_s_mem());
		g_autoptr(CMS_ContentInfo) cms = d2i_CMS_bio(in, NULL);
		g_assert_cmpint(CMS_decrypt(cms, key, cert, NULL, out, CMS_BINARY), ==, 1);
		g_autofree char *text = cert_bio_text(out);
		g_assert_cmpstr(text, ==, "hidden\n");
		ERR_clear_error();
	}
}

/* A PIN in a file, as services have it. Who is logged in stays so, with whatever PIN: wrong ones first. */
static const struct {
	const char *content, *part; /* NULL: opens */
} sources[] = {
	{ "12345\n", "wrong PIN" }, { "", "has no PIN" }, { "\n1234\n", "has no PIN" },
	{ "1234", NULL },           { "1234\n", NULL },   { "1234\r\nand more\n", NULL },
};

static void test_pin_source(void)
{
	g_setenv("RAUC_PKCS11_PIN", "wrong", TRUE);
	for (unsigned i = 0; i < G_N_ELEMENTS(sources); i++) {
		g_autofree char *url =
			g_strdup_printf("pkcs11:token=one;object=rsa?pin-source=%s%s",
		                        i % 2 ? "file://" : "", pki_own("pin"));
		g_autoptr(GError) error = NULL;

		g_assert_true(g_file_set_contents(pki_own("pin"), sources[i].content, -1, NULL));
		g_autoptr(EVP_PKEY) key = cert_load_key(url, NULL, &error);
		if (sources[i].part)
			pki_assert_error(error, FAILURE_CONFIG, sources[i].part);
		else
			g_assert_no_error(error);
		g_assert_true(!key == !!sources[i].part);
	}
}

static const struct {
	const char *url, *pin;
	bool is_cert;
	Failure why;
	const char *part;
	unsigned n_logins;
} refused[] = {
	{ "pkcs11:token=one;object=no", "1234", true, FAILURE_NOT_FOUND,
	  "no certificate matches pkcs11:token=one;object=no in token 'one'", 1 },
	{ "pkcs11:token=one;object=no", NULL, true, FAILURE_NOT_FOUND, "no certificate matches",
	  0 },
	{ "pkcs11:token=one;object=no", "1234", false, FAILURE_NOT_FOUND,
	  "no private key matches pkcs11:token=one;object=no in token 'one'", 1 },
	{ "pkcs11:token=none;object=rsa", "1234", false, FAILURE_NOT_FOUND,
	  "no token matches pkcs11:token=none;object=rsa", 0 },
	{ "pkcs11:token=one;slot-id=1;object=rsa", "1234", false, FAILURE_NOT_FOUND,
	  "no token matches", 0 },
	{ "pkcs11:token=one;library-description=x", "1234", false, FAILURE_NOT_FOUND,
	  "no token matches", 0 },
	{ "pkcs11:token=one;slot-manufacturer=x", "1234", false, FAILURE_NOT_FOUND,
	  "no token matches", 0 },
	{ "pkcs11:token=one;object=rsa", NULL, false, FAILURE_CONFIG,
	  "token 'one' needs a PIN: set it in RAUC_PKCS11_PIN", 0 },
	{ "pkcs11:token=one;object=rsa", "4711", false, FAILURE_CONFIG,
	  "cannot log in to token 'one': wrong PIN", 1 },
	{ "pkcs11:token=one;object=rsa?pin-value=4711", "1234", false, FAILURE_CONFIG, "wrong PIN",
	  1 },
	{ "pkcs11:token=one;object=rsa", "1", false, FAILURE_CONFIG, "wrong PIN", 1 },
	{ "pkcs11:token=one;object=same", "1234", false, FAILURE_CONFIG,
	  "2 objects match pkcs11:token=one;object=same: pkcs11:token=one;object=same;id=%0", 1 },
	{ "pkcs11:token=one;object=same", "1234", true, FAILURE_CONFIG, "2 objects match", 0 },
	{ "pkcs11:object=ec", NULL, true, FAILURE_CONFIG, "2 objects match", 0 },
	{ "pkcs11:object=ec", "1234", false, FAILURE_CONFIG,
	  "several tokens match pkcs11:object=ec", 0 },
	{ "pkcs11:token=twin", "1234", false, FAILURE_CONFIG,
	  "say which one with token= or serial=", 0 },
	{ "pkcs11:token=one;type=cert;object=rsa", "1234", false, FAILURE_CONFIG,
	  "type=private is needed here", 0 },
	{ "pkcs11:token=one;type=private;object=rsa", "1234", true, FAILURE_CONFIG,
	  "type=cert is needed here", 0 },
	{ "pkcs11:token=one;objekt=rsa?pin-value=4711", NULL, false, FAILURE_CONFIG,
	  "unknown attribute 'objekt'", 0 },
	{ "pkcs11:token=one?pin-source=/nowhere/pin", "1234", false, FAILURE_NOT_FOUND,
	  "pin-source: ", 0 },
	{ "pkcs11:token=one?pin-source=|/bin/ask", "1234", false, FAILURE_CONFIG, "absolute path",
	  0 },
	{ "pkcs11:token=one?pin-source=pin", "1234", false, FAILURE_CONFIG, "absolute path", 0 },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;
		void *loaded;

		g_test_message("%s", refused[i].url);
		g_setenv("RAUC_PKCS11_PIN", refused[i].pin ? refused[i].pin : "", TRUE);
		token_forget_calls();
		if (refused[i].is_cert)
			loaded = cert_load(refused[i].url, &error);
		else
			loaded = cert_load_key(refused[i].url, NULL, &error);
		g_assert_null(loaded);
		pki_assert_error(error, refused[i].why, refused[i].part);
		g_assert_null(strstr(error->message, "4711"));
		g_assert_cmpuint(token_count_calls("login"), ==, refused[i].n_logins);
	}
}

/* What a token says of its PIN. */
static const struct {
	const char *flags, *part;
	unsigned n_logins;
} states[] = {
	{ "0x40000", "the PIN of token 'one' is locked", 0 },
	{ "0x20000", "one more wrong PIN locks it: wrong PIN", 1 },
};

static void test_pin_state(void)
{
	g_setenv("RAUC_PKCS11_PIN", "4711", TRUE);
	for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
		g_autoptr(GError) error = NULL;

		g_setenv("SHIM_FLAGS", states[i].flags, TRUE);
		token_forget_calls();
		g_assert_null(cert_load_key("pkcs11:token=one;object=rsa", NULL, &error));
		g_unsetenv("SHIM_FLAGS");
		pki_assert_error(error, FAILURE_CONFIG, states[i].part);
		g_assert_cmpuint(token_count_calls("login"), ==, states[i].n_logins);
	}
}

static const struct {
	const char *path, *part;
} modules[] = {
	{ "/nowhere/module.so", "set RAUC_PKCS11_MODULE to the library" },
	{ "/etc/passwd", "set RAUC_PKCS11_MODULE to the library" },
	{ "libc.so.6", "libc.so.6 is not a PKCS#11 module" },
};

static void test_modules(void)
{
	g_autofree char *before = g_strdup(g_getenv("RAUC_PKCS11_MODULE"));

	for (unsigned i = 0; i < G_N_ELEMENTS(modules); i++) {
		g_autoptr(GError) error = NULL;

		g_setenv("RAUC_PKCS11_MODULE", modules[i].path, TRUE);
		g_assert_null(cert_load("pkcs11:token=one;object=rsa", &error));
		pki_assert_error(error, FAILURE_CONFIG, modules[i].part);
	}
	g_setenv("RAUC_PKCS11_MODULE", before, TRUE);
}

/* Key and certificate from different places that do not belong together. */
static void test_mismatch(void)
{
	SignKeyFiles files = { .cert_path = "pkcs11:token=one;object=ec",
		               .key_path = "pkcs11:token=one;object=rsa?pin-value=1234" };
	SignKeyFiles others = { .cert_path = pki_path("self.pem"),
		                .key_path = "pkcs11:token=one;object=ec?pin-value=1234" };
	g_autoptr(GError) error = NULL, again = NULL;

	g_assert_null(sign_key_load(&files, &error));
	pki_assert_error(error, FAILURE_CONFIG,
	                 "key pkcs11:token=one;object=rsa?*** does not belong to certificate "
	                 "pkcs11:token=one;object=ec: key type mismatch");
	g_assert_null(sign_key_load(&others, &again));
	pki_assert_error(again, FAILURE_CONFIG, "key values mismatch");
}

static void *load_often(void *url)
{
	for (unsigned i = 0; i < 20; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(EVP_PKEY) key = cert_load_key(url, NULL, &error);
		g_autoptr(X509) cert = cert_load("pkcs11:token=one;object=rsa", NULL);

		g_assert_no_error(error);
		g_assert_nonnull(key);
		g_assert_nonnull(cert);
	}
	return NULL;
}

static void test_threads(void)
{
	const char *const urls[] = { "pkcs11:token=one;object=rsa", "pkcs11:token=other;object=ec",
		                     "pkcs11:token=one;object=ec" };
	GThread *threads[G_N_ELEMENTS(urls)];

	g_setenv("RAUC_PKCS11_PIN", "1234", TRUE);
	for (unsigned i = 0; i < G_N_ELEMENTS(urls); i++)
		threads[i] = g_thread_new("load", load_often, (void *)urls[i]);
	for (unsigned i = 0; i < G_N_ELEMENTS(urls); i++)
		g_thread_join(threads[i]);
	pki_assert_clean();
}

static void skip(const void *why)
{
	g_test_skip(why);
}

static const struct {
	const char *path;
	GTestFunc test;
} with_token[] = {
	{ "/crypto/pkcs11/certs", test_certs },
	{ "/crypto/pkcs11/refused", test_refused },
	{ "/crypto/pkcs11/pin-state", test_pin_state },
	{ "/crypto/pkcs11/modules", test_modules },
	{ "/crypto/pkcs11/pin-source", test_pin_source },
	{ "/crypto/pkcs11/keys", test_keys },
	{ "/crypto/pkcs11/decrypt", test_decrypt },
	{ "/crypto/pkcs11/mismatch", test_mismatch },
	{ "/crypto/pkcs11/threads", test_threads },
};

int main(int argc, char **argv)
{
	pki_init(&argc, &argv);
	g_test_add_func("/crypto/pkcs11/url", test_url);
	g_test_add_func("/crypto/pkcs11/bad-url", test_bad_url);
	g_test_add_func("/crypto/pkcs11/redact", test_redact);

	const char *lack = token_set_up();
	for (unsigned i = 0; i < G_N_ELEMENTS(with_token); i++) {
		if (lack)
			g_test_add_data_func(with_token[i].path, lack, skip);
		else
			g_test_add_func(with_token[i].path, with_token[i].test);
	}
	return pki_run();
}
