/* SPDX-License-Identifier: MIT */

#include "bundle/resign.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "bundle/maker.h"

static Maker *maker, *other; /* other: whose key nobody trusts yet */

static const struct {
	const char *format;
} formats[] = { { "plain" }, { "verity" }, { "crypt" } };

static char *make_bundle(const char *format, const char *name)
{
	g_autofree char *text = g_strdup_printf("[update]\ncompatible=Test\n[bundle]\nformat=%s\n"
	                                        "[image.rootfs]\nfilename=rootfs.img\n",
	                                        format);
	g_autofree char *content = maker_content(maker, "in", text);
	g_autoptr(GBytes) image = maker_image(content, "rootfs.img", 300000, 1);
	g_autoptr(GError) error = NULL;
	char *path = maker_bundle(maker, content, name, &error);

	g_assert_no_error(error);
	return path;
}

static SignKey *key_of(const Maker *who)
{
	SignKeyFiles files = { .cert_path = who->cert, .key_path = who->key };

	return sign_key_load(&files, NULL);
}

typedef struct {
	Keyring *keyring, *checking;
	BundleRules rules;
	EnvelopeKey no_key;
	Pool *pool;
	Resign resign;
} Job;

/* From maker's keyring to the one of `checking`. */
static void job_init(Job *job, const char *in, const char *out, const Maker *checking)
{
	*job = (Job){ .keyring = maker_keyring(maker),
		      .checking = checking ? maker_keyring(checking) : NULL,
		      .pool = pool_new(2, 4) };
	job->rules = (BundleRules){ .keyring = job->keyring,
		                    .formats = MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT };
	job->resign = (Resign){ .rework = { .input = in,
		                            .output = out,
		                            .max_cms = BUNDLE_MAX_CMS,
		                            .rules = &job->rules,
		                            .decrypt = &job->no_key,
		                            .pool = job->pool },
		                .check = { .keyring = job->checking } };
}

static void job_clear(Job *job)
{
	keyring_free(job->keyring);
	keyring_free(job->checking);
	pool_free(job->pool);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Job, job_clear)

static void test_resign(void)
{
	g_autoptr(SignKey) key = key_of(other);

	for (unsigned i = 0; i < G_N_ELEMENTS(formats); i++) {
		g_autofree char *in = make_bundle(formats[i].format, formats[i].format);
		g_autofree char *out = g_strconcat(in, ".again", NULL);
		g_autoptr(GError) error = NULL, stranger = NULL;
		g_auto(Job) job = { 0 };

		job_init(&job, in, out, other);
		g_assert_true(resign_bundle(&job.resign, key, &error));
		g_assert_no_error(error);
		g_autoptr(Bundle) bundle = maker_open(other, out, &error);
		g_assert_no_error(error);
		g_assert_true(bundle_check_payload(bundle, job.pool, NULL, &error));
		g_assert_null(maker_open(maker, out, &stranger));
		g_assert_error(stranger, FAILURE, FAILURE_SIGNATURE);

		g_autoptr(Bundle) before = maker_open(maker, in, NULL);
		g_assert_cmpstr(bundle_manifest_hash(bundle), ==, bundle_manifest_hash(before));
	}
}

static void test_append(void)
{
	g_autofree char *in = make_bundle("verity", "one");
	g_autofree char *out = maker_path(maker, "two");
	g_autoptr(SignKey) key = key_of(other);
	g_autoptr(GError) error = NULL;
	g_auto(Job) job = { 0 };

	job_init(&job, in, out, maker);
	g_assert_true(resign_append(&job.resign, key, &error));
	g_assert_no_error(error);

	g_autofree char *both = maker_path(maker, "both.pem");
	g_autofree char *command = g_strdup_printf("cat %s %s >%s", maker->cert, other->cert, both);
	g_assert_true(process_run(&error, "sh", "-c", command, NULL));
	KeyringRules trusted = { .path = both };
	g_autoptr(Keyring) keyring = keyring_load(&trusted, NULL);
	BundleRules rules = { .keyring = keyring, .formats = MANIFEST_VERITY };
	g_autoptr(Bundle) bundle =
		bundle_verify(bundle_file_open(out, BUNDLE_MAX_CMS, &error), &rules, &error);
	g_assert_no_error(error);
	g_assert_null(signers_chain(bundle_signers(bundle)));
}

/* The signature of one bundle on another, on its own, and none at all. */
static void test_replace(void)
{
	g_autofree char *in = make_bundle("verity", "ours"),
			*foreign = make_bundle("verity", "its");
	g_autofree char *out = maker_path(maker, "replaced");
	g_autoptr(SignKey) key = key_of(other);
	g_autoptr(BundleFile) file = bundle_file_open(foreign, BUNDLE_MAX_CMS, NULL);
	g_autoptr(Bundle) bundle = maker_open(maker, in, NULL);
	g_autoptr(GBytes) manifest = verify_cms_peek(bundle_file_cms(bundle_file(bundle)), NULL);
	g_autoptr(GBytes) good = sign_attached(key, manifest, NULL);
	g_autoptr(GBytes) junk = g_bytes_new_static("junk", 4);
	g_autoptr(GError) unfit = NULL, unsigned_error = NULL, untrusted = NULL, error = NULL;
	g_auto(Job) job = { 0 }, trusting = { 0 };

	job_init(&job, in, out, maker);
	g_assert_false(resign_replace(&job.resign, bundle_file_cms(file), &unfit));
	g_assert_error(unfit, FAILURE, FAILURE_INTEGRITY);
	g_assert_nonnull(strstr(unfit->message, "does not fit the payload"));
	g_assert_false(resign_replace(&job.resign, junk, &unsigned_error));
	g_assert_false(resign_replace(&job.resign, good, &untrusted));
	g_assert_nonnull(strstr(untrusted->message, "failed to verify the new bundle: "));
	g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));

	job_init(&trusting, in, out, other);
	g_assert_true(resign_replace(&trusting.resign, good, &error));
	g_assert_no_error(error);
	g_autoptr(Bundle) replaced = maker_open(other, out, &error);
	g_assert_no_error(error);
}

/* What must be refused, with nothing of the output left. */
static void test_refused(void)
{
	g_autofree char *in = make_bundle("verity", "victim"), *out = maker_path(maker, "never");
	g_autoptr(SignKey) key = key_of(other);
	g_autoptr(GError) rejected = NULL, damaged = NULL, stranger = NULL;
	g_auto(Job) unwilling = { 0 }, job = { 0 }, strange = { 0 };

	job_init(&unwilling, in, out, maker); /* the old keyring shall accept the new key */
	g_assert_false(resign_bundle(&unwilling.resign, key, &rejected));
	g_assert_error(rejected, FAILURE, FAILURE_SIGNATURE);

	job_init(&strange, in, out, NULL);
	keyring_free(strange.keyring);
	strange.rules.keyring = strange.keyring = maker_keyring(other);
	g_assert_false(resign_bundle(&strange.resign, key, &stranger));
	g_assert_error(stranger, FAILURE, FAILURE_SIGNATURE);

	g_autofree char *flip =
		g_strdup_printf("printf x | dd of=%s bs=1 seek=5000 conv=notrunc 2>/dev/null", in);
	g_assert_true(process_run(&damaged, "sh", "-c", flip, NULL));
	job_init(&job, in, out, other);
	g_assert_false(resign_bundle(&job.resign, key, &damaged));
	g_assert_error(damaged, FAILURE, FAILURE_INTEGRITY);
	g_assert_nonnull(strstr(damaged->message, "bundle payload is corrupted"));
	g_assert_false(g_file_test(out, G_FILE_TEST_EXISTS));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	other = maker_new();
	g_test_add_func("/bundle/resign/resign", test_resign);
	g_test_add_func("/bundle/resign/append", test_append);
	g_test_add_func("/bundle/resign/replace", test_replace);
	g_test_add_func("/bundle/resign/refused", test_refused);

	int status = g_test_run();
	maker_free(maker);
	maker_free(other);
	return status;
}
