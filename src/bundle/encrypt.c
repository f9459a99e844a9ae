/* SPDX-License-Identifier: MIT */

#include "bundle/encrypt.h"

#include "base/error.h"

/* Only we have the key of the envelope: that it is one, of the right size, is all that can
 * be looked at. */
static bool check_result(const Result *result, GError **error)
{
	g_autoptr(BundleFile) file = bundle_file_open(result->path, G_MAXUINT32, error);

	return file && (bundle_file_envelope(file) ||
	                fail(error, FAILURE_IO, "the new bundle is not encrypted"));
}

bool encrypt_bundle(const Rework *rework, const char *const *recipients, unsigned *n_recipients,
                    GError **error)
{
	g_auto(Result) result = RESULT_NONE;
	g_autoptr(Bundle) bundle = rework_copy(rework, &result, error);

	if (!bundle)
		return false;
	if (bundle_manifest(bundle)->format != MANIFEST_CRYPT)
		return fail(error, FAILURE_REJECTED,
		            "Refused to encrypt input bundle that is not in 'crypt' format.");

	g_autoptr(GBytes) cms = envelope_seal(bundle_file_cms(bundle_file(bundle)), recipients,
	                                      n_recipients, error);
	return cms && rework_end(bundle, &result, cms, error) && check_result(&result, error) &&
	       result_publish(&result, error);
}
