/* SPDX-License-Identifier: MIT */

#include "bundle/result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "bundle/bundle.h"

enum { EXPIRES_SOON = 30 * 24 * 60 * 60 };

bool result_open(Result *result, const char *name, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(name);
	struct stat st;

	if (lstat(name, &st) == 0)
		return fail(error, FAILURE_CONFIG, "bundle %s already exists", name);
	result->name = name;
	/* Mode 0666: the bundle gets the permissions of the user's umask. */
	result->fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);
	if (result->fd >= 0) {
		result->path = g_strdup_printf("/proc/%d/fd/%d", (int)getpid(), result->fd);
		return true;
	}
	result->path = g_strdup_printf("%s.%08x.part", name, g_random_int());
	result->is_named = true;
	result->fd = fd_open(result->path, O_RDWR | O_CREAT | O_EXCL, 0666, error);
	return result->fd >= 0;
}

/* RAUC's words for what is about to end. */
static void warn_expiry(const Signers *signers)
{
	const GPtrArray *chain = signers_chain(signers);
	gint64 now = g_get_real_time() / G_USEC_PER_SEC;

	for (unsigned i = 0; chain && i < chain->len; i++) {
		const SignerCert *cert = chain->pdata[i];

		if (cert->not_after_unix - now < EXPIRES_SOON)
			g_warning("Certificate %u (%s) will expire in less than a month!", i + 1,
			          cert->subject);
	}
}

static bool ask_judges(const ResultCheck *check, GBytes *cms, GError **error)
{
	const Judge signing = { .kind = JUDGE_SIGNING,
		                .path = (char *)check->keyring_name,
		                .keyring = (Keyring *)check->keyring };

	if (check->until && check->keyring && !judge_check(&signing, cms, check->until, error))
		return false;
	for (unsigned i = 0; check->judges && i < check->judges->len; i++) {
		if (!judge_check(check->judges->pdata[i], cms, check->until, error))
			return false;
	}
	return true;
}

/* Who looks at all of it: the keyring, or else the first that has to accept the result. */
static const Keyring *pick_keyring(const ResultCheck *check)
{
	for (unsigned i = 0; !check->keyring && check->judges && i < check->judges->len; i++) {
		const Judge *judge = check->judges->pdata[i];

		if (!judge->next_cert)
			return judge->keyring;
	}
	return check->keyring;
}

bool result_verify(const Result *result, const ResultCheck *check, GError **error)
{
	const Keyring *keyring = pick_keyring(check);

	if (!keyring)
		g_message("No keyring given, skipping signature verification");
	if (!keyring && !(check->judges && check->judges->len))
		return true;

	ERROR_WHILE(error, "verifying the new bundle");
	BundleRules rules = { .keyring = keyring,
		              .formats = MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT,
		              .trust_environment = true };
	g_autoptr(BundleFile) file = bundle_file_open(result->path, G_MAXUINT32, error);
	if (!file)
		return false;
	g_autoptr(GBytes) cms = g_bytes_ref(bundle_file_cms(file));
	if (!check->keyring && !ask_judges(check, cms, error))
		return false;
	if (!keyring)
		return true;
	g_message("Keyring given, doing signature verification");
	g_autoptr(Bundle) bundle = bundle_verify(g_steal_pointer(&file), &rules, error);
	if (!bundle || !bundle_open_payload(bundle, error))
		return false;
	warn_expiry(bundle_signers(bundle));
	return !check->keyring || ask_judges(check, cms, error);
}

bool result_publish(const Result *result, GError **error)
{
	const char *name = result->name;

	if (linkat(AT_FDCWD, result->path, AT_FDCWD, name,
	           result->is_named ? 0 : AT_SYMLINK_FOLLOW) == 0)
		return fd_sync_folder_of(name, error);
	if (errno == EEXIST)
		return fail(error, FAILURE_CONFIG, "bundle %s already exists", name);
	/* FAT and its like have no links. */
	if (!result->is_named || rename(result->path, name) < 0)
		return fail_errno(error, "cannot give the bundle its name %s", name);
	return fd_sync_folder_of(name, error);
}

void result_close(Result *result)
{
	if (result->is_named && result->fd >= 0)
		unlink(result->path); /* has the name of the bundle by now, or is to go */
	fd_clear(&result->fd);
	g_clear_pointer(&result->path, g_free);
}
