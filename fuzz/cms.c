/* SPDX-License-Identifier: MIT */

/* Everything that takes the CMS of a bundle, before and while it is verified. */

#include "fuzz.h"

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crypto/verify.h"

/* The CA of corpus/cms/; its keys are gone. */
static const char ca[] = "-----BEGIN CERTIFICATE-----\n"
			 "MIIBRjCB7aADAgECAgEBMAoGCCqGSM49BAMCMBIxEDAOBgNVBAMMB0Z1enogQ0Ew\n"
			 "IBcNMjYxMTIyMTIwMzM4WhgPMjEyNjEwMjkxMjAzMzhaMBIxEDAOBgNVBAMMB0Z1\n"
			 "enogQ0EwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATg34DAWoOBQHU7O9XxNIMf\n"
			 "MrpmKE8DenHDxoPhczE4B5t3hZ654DLKzahTUvILXixoHOmhpCiVjphIVc9dsagj\n"
			 "ozIwMDAPBgNVHRMBAf8EBTADAQH/MB0GA1UdDgQWBBSkSlm7n4e+rKNrYiAe0j8s\n"
			 "UXMAnjAKBggqhkjOPQQDAgNIADBFAiEAiQ/NohD6F2tWajXNyJoYwDmQdbYmAvk8\n"
			 "kdJLkLXgfegCIGuzRn/9lPkaizCmWzZWC1PMATxWD9lyyT8Z737kn5/l\n"
			 "-----END CERTIFICATE-----\n";

static const char content[] = "signed";

static bool read_content(void *user G_GNUC_UNUSED, void *to, size_t size, uint64_t at,
                         GError **error G_GNUC_UNUSED)
{
	memcpy(to, content + at, size);
	return true;
}

static Keyring *load(bool use_signing_time)
{
	int fd = memfd_create("ca", 0);
	g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
	KeyringRules rules = { .path = path,
		               .use_bundle_signing_time = use_signing_time,
		               .no_check_time = !use_signing_time,
		               .check_purpose = use_signing_time ? NULL : "any" };

	g_assert_cmpint(write(fd, ca, strlen(ca)), ==, (ssize_t)strlen(ca));
	Keyring *keyring = keyring_load(&rules, NULL);
	g_assert_nonnull(keyring);
	close(fd);
	return keyring;
}

static GLogWriterOutput keep_quiet(GLogLevelFlags level G_GNUC_UNUSED,
                                   const GLogField *fields G_GNUC_UNUSED, gsize n G_GNUC_UNUSED,
                                   gpointer user G_GNUC_UNUSED)
{
	return G_LOG_WRITER_HANDLED;
}

/* Whatever verifies was signed by the CA's keys, and they signed one thing only. */
static void verify(GBytes *cms, const Keyring *keyring)
{
	VerifyContent detached = { strlen(content), read_content, NULL };
	g_autoptr(Signers) signers = NULL, others = NULL;
	g_autoptr(GError) error = NULL, other = NULL;
	g_autoptr(GBytes) bytes = NULL;

	if (verify_cms(cms, NULL, keyring, &signers, &bytes, &error)) {
		g_autoptr(GBytes) expected = g_bytes_new_static(content, strlen(content));

		g_assert_true(g_bytes_equal(bytes, expected));
		g_free(signers_spki_hashes(signers));
	} else {
		g_assert_nonnull(error);
	}
	g_assert_true(verify_cms(cms, &detached, keyring, &others, NULL, &other) == !other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Keyring *keyring, *at_signing;
	g_autoptr(GBytes) cms = g_bytes_new_static(data, size);
	g_autoptr(GBytes) peeked = NULL;
	g_autofree char *dump = NULL;
	g_autoptr(GError) error = NULL;
	VerifyCmsKind kind;

	if (!keyring) {
		g_log_set_writer_func(keep_quiet, NULL, NULL);
		keyring = load(false);
		at_signing = load(true);
	}
	if (!verify_cms_kind(cms, &kind, &error))
		g_assert_nonnull(error);
	peeked = verify_cms_peek(cms, NULL);
	dump = verify_cms_dump_cert(cms, NULL);
	verify(cms, keyring);
	verify(cms, at_signing);
	return 0;
}
