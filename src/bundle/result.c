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

bool result_verify(const Result *result, const ResultCheck *check, GError **error)
{
	if (!check->keyring) {
		g_message("No keyring given, skipping signature verification");
		return true;
	}

	ERROR_WHILE(error, "verifying the new bundle");
	BundleRules rules = { .keyring = check->keyring,
		              .formats = MANIFEST_PLAIN | MANIFEST_VERITY | MANIFEST_CRYPT,
		              .trust_environment = true };
	g_message("Keyring given, doing signature verification");
	BundleFile *file = bundle_file_open(result->path, G_MAXUINT32, error);
	g_autoptr(Bundle) bundle = file ? bundle_verify(file, &rules, error) : NULL;
	return bundle && bundle_open_payload(bundle, error);
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
