/* SPDX-License-Identifier: MIT */

/* rauc extract-signature: the CMS of a bundle as a file, for openssl or a signing room. */

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/path.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"
#include "cli/trusted.h"

static Bundle *open_bundle(const Options *options, GError **error)
{
	g_autoptr(Config) config = conf_load_decrypting(options, CONF_NONE, error);
	g_autofree char *path = path_resolve(NULL, options->arguments[2]);

	return config ? trusted_open(options, config, path, error) : NULL;
}

/* Whole or not there. */
static bool write_new(const char *path, GBytes *bytes, GError **error)
{
	size_t size;
	const void *data = g_bytes_get_data(bytes, &size);
	fd_auto int fd = fd_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600, error);

	if (fd < 0)
		return false;
	if (fd_write(fd, data, size, path, error) && fd_sync(fd, path, error) &&
	    fd_close(&fd, path, error))
		return true;
	unlink(path);
	return false;
}

int command_extract_signature(const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Bundle) bundle = open_bundle(options, &error);

	if (!bundle) {
		output_complain("%s", error->message);
		return 1;
	}
	if (write_new(options->arguments[3], bundle_file_cms(bundle_file(bundle)), &error))
		return 0;
	output_complain("Failed to extract signature: %s", error->message);
	return 1;
}
