/* SPDX-License-Identifier: MIT */

#include "token.h"

#include "base/file.h"
#include "pki.h"

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"

const char *token_set_up(void)
{
	g_autofree char *writer = g_find_program_in_path("pkcs11-tool");
	g_autofree char *conf = g_build_filename(pki_own("tokens"), "softhsm2.conf", NULL);

	if (!g_file_test(SOFTHSM, G_FILE_TEST_EXISTS))
		return "SoftHSM is not installed (Debian: softhsm2)";
	if (!writer)
		return "pkcs11-tool is not installed (Debian: opensc)";
	g_setenv("T", pki_own("tokens"), TRUE);

	g_autofree char *made = pki_shell("sh \"$MAKE_TOKEN\" $T $P");
	g_assert_nonnull(made);
	g_setenv("SOFTHSM2_CONF", conf, TRUE);
	g_setenv("SHIM_MODULE", SOFTHSM, TRUE);
	g_setenv("SHIM_LOG", pki_own(TOKEN_LOG), TRUE);
	g_setenv("RAUC_PKCS11_MODULE", g_getenv("SHIM"), TRUE);
	return NULL;
}

unsigned token_count_calls(const char *name)
{
	g_autofree char *log = NULL;
	unsigned n = 0;

	if (!g_file_get_contents(pki_own(TOKEN_LOG), &log, NULL, NULL))
		return 0;
	g_auto(GStrv) lines = g_strsplit(log, "\n", -1);
	for (char **line = lines; *line; line++)
		n += g_str_equal(*line, name);
	return n;
}

void token_forget_calls(void)
{
	g_assert_true(file_remove_tree(pki_own(TOKEN_LOG), NULL));
}
