/* SPDX-License-Identifier: MIT */

#include "service/poller_status.h"

#include "base/error.h"
#include "bundle/maker.h"

static char *show(const PollerStatus *status)
{
	g_autoptr(GVariant) reply = g_variant_ref_sink(poller_status_reply(status));

	return g_variant_print(reply, TRUE);
}

static void expect(const PollerStatus *status, const char *expected)
{
	g_autofree char *text = show(status);

	g_assert_cmpstr(text, ==, expected);
}

static void test_life(void)
{
	PollerStatus status = { 0 };
	g_autoptr(GError) error = NULL;
	Update nothing = { .decision = { DECISION_NOTHING, (char *)"no bundle", NULL } };
	Update found = { .decision = { DECISION_HELD_BACK, (char *)"later", "higher-semver" },
		         .answer = { .url = (char *)"http://x",
		                     .etag = (char *)"\"e\"",
		                     .size = 5,
		                     .modified = 6 } };
	Update same = { .decision = { DECISION_CURRENT, (char *)"it runs", NULL },
		        .answer = { .http = 304 } };
	g_autoptr(GVariant) manifest =
		g_variant_ref_sink(g_variant_new_parsed("{'manifest-hash': <'aa'>}"));

	expect(&status, "{'attempt-count': <uint64 0>, 'recent-error-count': <uint64 0>, "
	                "'last-attempt-time': <uint64 0>, 'last-success-time': <uint64 0>, "
	                "'update-available': <false>}");
	fail(&error, FAILURE_NETWORK, "gone");
	status.attempts = 2;
	poller_status_fail(&status, error);
	poller_status_fail(&status, error);
	expect(&status, "{'attempt-count': <uint64 2>, 'recent-error-count': <uint64 2>, "
	                "'last-attempt-time': <uint64 0>, 'last-success-time': <uint64 0>, "
	                "'last-error-message': <'gone'>, 'update-available': <false>}");
	poller_status_succeed(&status, &found, manifest, 7);
	expect(&status, "{'attempt-count': <uint64 2>, 'recent-error-count': <uint64 0>, "
	                "'last-attempt-time': <uint64 0>, 'last-success-time': <uint64 7>, "
	                "'update-available': <true>, "
	                "'summary': <'update candidate found: higher semantic version'>, "
	                "'decision': <'held-back'>, 'reason': <'later'>, "
	                "'manifest': <{'manifest-hash': <'aa'>}>, "
	                "'bundle': <{'size': <uint64 5>, 'effective-url': <'http://x'>, "
	                "'modified-time': <uint64 6>, 'etag': <'\"e\"'>}>}");
	poller_status_succeed(&status, &same, NULL, 8); /* the bundle stays */
	expect(&status,
	       "{'attempt-count': <uint64 2>, 'recent-error-count': <uint64 0>, "
	       "'last-attempt-time': <uint64 0>, 'last-success-time': <uint64 8>, "
	       "'update-available': <false>, 'summary': <'no update candidate available'>, "
	       "'decision': <'current'>, 'reason': <'it runs'>, "
	       "'manifest': <{'manifest-hash': <'aa'>}>, "
	       "'bundle': <{'size': <uint64 5>, 'effective-url': <'http://x'>, "
	       "'modified-time': <uint64 6>, 'etag': <'\"e\"'>}>}");
	poller_status_succeed(&status, &nothing, NULL, 9);
	expect(&status, "{'attempt-count': <uint64 2>, 'recent-error-count': <uint64 0>, "
	                "'last-attempt-time': <uint64 0>, 'last-success-time': <uint64 9>, "
	                "'update-available': <false>, 'summary': <'no update bundle available'>, "
	                "'decision': <'nothing'>, 'reason': <'no bundle'>}");
	poller_status_clear(&status);
}

/* As InspectBundle has it: members are variants in variants. */
static void test_manifest(void)
{
	g_autoptr(Maker) maker = maker_new();
	g_autofree char *content = maker_content(maker, "in",
	                                         "[update]\ncompatible=X\nversion=1\n"
	                                         "[bundle]\nformat=verity\n"
	                                         "[image.rootfs]\nfilename=a.img\n");
	g_bytes_unref(maker_image(content, "a.img", 5000, 1));
	g_autofree char *path = maker_bundle(maker, content, "x.raucb", NULL);
	g_autoptr(Bundle) bundle = maker_open(maker, path, NULL);
	g_autoptr(GVariant) manifest = g_variant_ref_sink(poller_status_manifest(bundle));
	g_autoptr(GVariant) update = g_variant_lookup_value(manifest, "update", NULL);
	const char *hash;

	g_assert_true(g_variant_lookup(manifest, "manifest-hash", "&s", &hash));
	g_assert_cmpstr(hash, ==, bundle_manifest_hash(bundle));
	g_assert_true(g_variant_is_of_type(update, G_VARIANT_TYPE_VARIANT));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/service/poller_status/life", test_life);
	g_test_add_func("/service/poller_status/manifest", test_manifest);
	return g_test_run();
}
