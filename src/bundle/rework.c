/* SPDX-License-Identifier: MIT */

#include "bundle/rework.h"

#include <unistd.h>

#include "base/error.h"
#include "bundle/seal.h"

/* The copy under the name of the input, which is what messages are about. */
static BundleFile *open_copy(const Rework *rework, const Result *result, GError **error)
{
	int again = dup(result->fd);

	if (again < 0)
		return fail_errno_null(error, "cannot duplicate the descriptor of %s",
		                       rework->output);
	g_autoptr(Source) source = source_file_take(again, rework->input, error);
	g_autoptr(BundleFile) copy =
		source ? bundle_file_open_source(source, rework->input, rework->max_cms, error)
		       : NULL;

	return copy && bundle_file_decrypt(copy, rework->decrypt, error) ? g_steal_pointer(&copy)
	                                                                 : NULL;
}

static Bundle *check_copy(const Rework *rework, BundleFile *copy, GError **error)
{
	if (!rework->rules)
		return bundle_believe(copy, error);

	BundleRules rules = *rework->rules;
	rules.trust_environment = true; /* nobody else has the copy */
	g_autoptr(Bundle) bundle = bundle_verify(copy, &rules, error);
	return bundle && bundle_check_payload(bundle, rework->pool, NULL, error)
	               ? g_steal_pointer(&bundle)
	               : NULL;
}

Bundle *rework_copy(const Rework *rework, Result *result, GError **error)
{
	g_autoptr(BundleFile) input = bundle_file_open(rework->input, rework->max_cms, error);

	if (!input || !result_open(result, rework->output, error) ||
	    !bundle_file_copy(input, result->fd, rework->output, error))
		return NULL;

	BundleFile *copy = open_copy(rework, result, error);
	return copy ? check_copy(rework, copy, error) : NULL;
}

bool rework_end(const Bundle *bundle, const Result *result, GBytes *cms, GError **error)
{
	uint64_t end = bundle_file_payload_size(bundle_file(bundle));

	if (ftruncate(result->fd, (off_t)end) < 0)
		return fail_errno(error, "cannot cut %s", result->name);
	return seal_end(result->fd, result->name, end, cms, error);
}
