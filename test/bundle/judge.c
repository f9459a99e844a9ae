/* SPDX-License-Identifier: MIT */

#include "bundle/judge.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "bundle/maker.h"
#include "crypto/sign.h"

#define DAY (24 * 60 * 60)

static Maker *maker;
static GPtrArray *said;

static GLogWriterOutput listen(GLogLevelFlags level G_GNUC_UNUSED, const GLogField *fields, gsize n,
                               gpointer user G_GNUC_UNUSED)
{
	for (gsize i = 0; i < n; i++) {
		if (g_str_equal(fields[i].key, "MESSAGE"))
			g_ptr_array_add(said, g_strdup(fields[i].value));
	}
	return G_LOG_WRITER_HANDLED;
}

static const char *last_said(void)
{
	return said->len ? said->pdata[said->len - 1] : "";
}

/* Signed with the maker's key, which is good for 300 days. */
static GBytes *make_cms(void)
{
	SignKeyFiles files = { .cert_path = maker->cert, .key_path = maker->key };
	g_autoptr(SignKey) key = sign_key_load(&files, NULL);
	g_autoptr(GBytes) text = g_bytes_new_static("text", 4);

	return sign_attached(key, text, NULL);
}

static char *make_other(const char *name, const char *days)
{
	char *cert = maker_path(maker, name);
	g_autofree char *key = g_strconcat(cert, ".key", NULL);
	g_autoptr(GError) error = NULL;

	process_run(&error, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
	            "ec_paramgen_curve:P-256", "-nodes", "-days", days, "-subj", "/CN=Other",
	            "-keyout", key, "-out", cert, NULL);
	g_assert_no_error(error);
	return cert;
}

static Keyring *load(const char *path, bool signing_time)
{
	KeyringRules rules = { .path = path, .use_bundle_signing_time = signing_time };

	return keyring_load(&rules, NULL);
}

static void test_verdicts(void)
{
	g_autoptr(GBytes) cms = make_cms();
	g_autofree char *other = make_other("other.pem", "900");
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;
	const struct {
		JudgeKind kind;
		const char *ring, *next; /* keyring; who signs next */
		bool signing_time;
		int days; /* accepted until, from now; 0: not asked */
		bool is_accepted;
		const char *part;
	} rows[] = {
		{ JUDGE_DEPLOYED, maker->cert, NULL, false, 0, true,
		  "deployed keyring ring accepts this bundle until 2" },
		{ JUDGE_DEPLOYED, maker->cert, NULL, false, 299, true,
		  "then certificate 'O = Test, CN = Signer' expires" },
		{ JUDGE_DEPLOYED, maker->cert, NULL, false, 301, false,
		  "certificate 'O = Test, CN = Signer' expires; sign with a certificate that lives "
		  "longer" },
		{ JUDGE_SIGNING, maker->cert, NULL, false, 301, false,
		  "keyring ring accepts this bundle only until 2" },
		{ JUDGE_DEPLOYED, maker->cert, NULL, true, 301, true,
		  "whenever it is installed: it judges by the signing time" },
		{ JUDGE_DEPLOYED, other, NULL, false, 0, false,
		  "deployed keyring ring would refuse this bundle: signature verification failed: " },
		{ JUDGE_DEPLOYED, other, NULL, false, 0, false,
		  "sign below a root that is in every deployed keyring" },
		{ JUDGE_CARRIED, maker->cert, NULL, false, 0, true,
		  "carried keyring ring accepts the next bundle, signed as this one until 2" },
		{ JUDGE_CARRIED, other, NULL, false, 0, false,
		  "a device that installs this could not be updated again" },
		{ JUDGE_CARRIED, other, other, false, 0, true,
		  "accepts the next bundle, signed with" },
		{ JUDGE_CARRIED, maker->cert, other, false, 0, false,
		  "the keyring needs the root of the next signer" },
		{ JUDGE_CARRIED, maker->cert, "/nowhere.pem", false, 0, false, "/nowhere.pem" },
		{ JUDGE_CARRIED, other, other, false, 901, false,
		  "certificate 'CN = Other' expires" },
		{ JUDGE_CARRIED, other, other, true, 901, true, "judges by the signing time" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		Judge judge = { rows[i].kind, (char *)"ring",
			        load(rows[i].ring, rows[i].signing_time), (char *)rows[i].next };
		g_autoptr(GError) error = NULL;
		gint64 until = rows[i].days ? now + (gint64)rows[i].days * DAY : 0;
		bool ok = judge_check(&judge, cms, until, &error);

		g_test_message("row %u: %s", i, error ? error->message : last_said());
		g_assert_true(ok == rows[i].is_accepted);
		g_assert_nonnull(strstr(error ? error->message : last_said(), rows[i].part));

		/* Before anything is signed the answer is the same, and no word where it is yes. */
		unsigned n_said = said->len;
		g_autoptr(GError) early = NULL;
		g_assert_true(judge_check_signer(&judge, maker->cert, NULL, until, &early) == ok);
		g_assert_cmpuint(said->len, ==, n_said);
		g_assert_cmpstr(early ? early->message : NULL, ==, error ? error->message : NULL);
		keyring_free(judge.keyring);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	said = g_ptr_array_new_with_free_func(g_free);
	g_log_set_writer_func(listen, NULL, NULL);
	g_test_add_func("/bundle/judge/verdicts", test_verdicts);
	int result = g_test_run();
	maker_free(maker);
	g_ptr_array_unref(said);
	return result;
}
