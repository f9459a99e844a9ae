/* SPDX-License-Identifier: MIT */

#include "pki.h"

#include <openssl/err.h>
#include <string.h>

#include "base/file.h"

static const char *folder;
static char *own;
static char *warned;

/* Warnings would end the test; those that matter are looked at where they arise. */
static GLogWriterOutput keep_quiet(GLogLevelFlags level, const GLogField *fields, gsize n,
                                   gpointer user G_GNUC_UNUSED)
{
	for (gsize i = 0; level & G_LOG_LEVEL_WARNING && i < n; i++) {
		if (!g_str_equal(fields[i].key, "MESSAGE"))
			continue;
		g_free(warned);
		warned = g_strdup(fields[i].value);
	}
	return G_LOG_WRITER_HANDLED;
}

void pki_init(int *argc, char ***argv)
{
	g_test_init(argc, argv, NULL);
	folder = g_getenv("PKI");
	if (!folder)
		g_error("set PKI to the folder of make_pki.sh");
	g_setenv("P", folder, TRUE);
	own = g_dir_make_tmp("crypto-XXXXXX", NULL);
	g_assert_nonnull(own);
	if (!g_test_subprocess())
		g_log_set_writer_func(keep_quiet, NULL, NULL);
}

int pki_run(void)
{
	int result = g_test_run();

	g_assert_true(file_remove_tree(own, NULL));
	g_free(own);
	g_free(warned);
	return result;
}

static const char *intern(const char *in, const char *name)
{
	g_autofree char *path = g_build_filename(in, name, NULL);

	return g_intern_string(path);
}

const char *pki_path(const char *name)
{
	return intern(folder, name);
}

const char *pki_own(const char *name)
{
	return intern(own, name);
}

GBytes *pki_read(const char *path)
{
	char *data;
	gsize size;

	g_assert_true(g_file_get_contents(path, &data, &size, NULL));
	return g_bytes_new_take(data, size);
}

void pki_write(const char *path, GBytes *bytes)
{
	g_assert_true(g_file_set_contents(path, g_bytes_get_data(bytes, NULL),
	                                  (gssize)g_bytes_get_size(bytes), NULL));
}

char *pki_shell(const char *command)
{
	const char *argv[] = { "/bin/sh", "-c", command, NULL };
	g_autofree char *said = NULL;
	char *out = NULL;
	int status;

	g_assert_true(g_spawn_sync(own, (char **)argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out,
	                           &said, &status, NULL));
	if (g_spawn_check_wait_status(status, NULL))
		return out;
	g_test_message("%s: %s", command, said);
	g_free(out);
	return NULL;
}

SignKey *pki_key(const char *name)
{
	g_autofree char *cert = g_strconcat(name, ".pem", NULL);
	g_autofree char *key = g_strconcat(name, ".key", NULL);
	SignKeyFiles files = { .cert_path = pki_path(cert), .key_path = pki_path(key) };
	g_autoptr(GError) error = NULL;
	SignKey *loaded = sign_key_load(&files, &error);

	g_assert_no_error(error);
	return loaded;
}

Keyring *pki_keyring(const char *pem)
{
	KeyringRules rules = { .path = pki_path(pem) };
	g_autoptr(GError) error = NULL;
	Keyring *keyring = keyring_load(&rules, &error);

	g_assert_no_error(error);
	return keyring;
}

char *pki_warned(void)
{
	return g_steal_pointer(&warned);
}

void pki_assert_clean(void)
{
	g_assert_cmpuint(ERR_peek_error(), ==, 0);
}

void pki_assert_error(GError *error, Failure why, const char *part)
{
	g_assert_nonnull(error);
	g_test_message("%s", error->message);
	g_assert_error(error, FAILURE, (int)why);
	if (!strstr(error->message, part))
		g_error("'%s' is not in '%s'", part, error->message);
	g_assert_null(strchr(error->message, '\n'));
	pki_assert_clean();
}
