/* SPDX-License-Identifier: MIT */

#include "bundle/resign.h"

#include "base/error.h"
#include "bundle/seal.h"

static bool finish(const Resign *resign, const Bundle *bundle, const Result *result, GBytes *cms,
                   GError **error)
{
	return rework_end(bundle, result, cms, error) &&
	       result_verify(result, &resign->check, error) && result_publish(result, error);
}

bool resign_bundle(const Resign *resign, const SignKey *key, GError **error)
{
	g_auto(Result) result = RESULT_NONE;
	g_autoptr(Bundle) bundle = rework_copy(&resign->rework, &result, error);
	g_autoptr(Source) payload = bundle ? bundle_signed_area(bundle, error) : NULL;
	g_autoptr(GBytes) cms =
		payload ? seal_sign(bundle_manifest(bundle), payload, key, error) : NULL;

	return cms && finish(resign, bundle, &result, cms, error);
}

/* Devices that know only one of the signers refuse all of it: so nobody is asked. */
bool resign_append(const Resign *resign, const SignKey *key, GError **error)
{
	g_auto(Result) result = RESULT_NONE;
	g_autoptr(Bundle) bundle = rework_copy(&resign->rework, &result, error);
	g_autoptr(GBytes) cms =
		bundle ? sign_append(key, bundle_file_cms(bundle_file(bundle)), error) : NULL;

	return cms && rework_end(bundle, &result, cms, error) && result_publish(&result, error);
}

/* The new manifest must be about the payload that is there. */
static bool check_fit(const Rework *rework, const Result *result, GError **error)
{
	ERROR_WHILE(error, "the new signature does not fit the payload");
	g_autoptr(BundleFile) file = bundle_file_open(result->path, G_MAXUINT32, error);
	/* An envelope may be meant for others only. */
	if (!file || bundle_file_envelope(file))
		return file != NULL;

	g_autoptr(Bundle) bundle = bundle_believe(g_steal_pointer(&file), error);
	return bundle && bundle_check_payload(bundle, rework->pool, NULL, error);
}

bool resign_replace(const Resign *resign, GBytes *cms, GError **error)
{
	g_auto(Result) result = RESULT_NONE;
	g_autoptr(Bundle) bundle = rework_copy(&resign->rework, &result, error);

	if (!bundle || !rework_end(bundle, &result, cms, error) ||
	    !check_fit(&resign->rework, &result, error))
		return false;
	if (resign->check.keyring && !result_verify(&result, &resign->check, error)) {
		g_prefix_error(error, "failed to verify the new bundle: ");
		return false;
	}
	return result_publish(&result, error);
}
