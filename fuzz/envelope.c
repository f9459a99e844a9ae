/* SPDX-License-Identifier: MIT */

/* The envelope of an encrypted bundle: nobody has vouched for a byte of it. */

#include "fuzz.h"

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/envelope.h"

/* The recipient of corpus/envelope/; nothing else was ever encrypted for it. */
static const char key[] = "-----BEGIN PRIVATE KEY-----\n"
			  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg8UNBoTiNSQnrKsDr\n"
			  "n3tY//UJmWm5n++Q0f1TmCVJuvKhRANCAAS1C22L6w7IU+Ct5j5ht46O/rfPnBYL\n"
			  "wojJ2fEWWI/Z2NVNUdpCvBxB0wE/l7vFNhEweZNUN+XXkUOfBVbB70FK\n"
			  "-----END PRIVATE KEY-----\n";

static char *key_path(void)
{
	int fd = memfd_create("key", 0);

	g_assert_cmpint(write(fd, key, strlen(key)), ==, (ssize_t)strlen(key));
	return g_strdup_printf("/proc/self/fd/%d", fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char *path;
	g_autoptr(GBytes) cms = g_bytes_new_static(data, size);
	g_autoptr(GError) error = NULL;

	if (!path)
		path = key_path();

	EnvelopeKey opener = { .key_path = path };
	g_autoptr(GBytes) inside = envelope_open(cms, &opener, &error);
	g_autofree char *recipients = envelope_recipients(cms, NULL);
	g_assert_true((inside == NULL) == (error != NULL));
	return 0;
}
