/* SPDX-License-Identifier: MIT */

#include "crypto/keyring.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/error.h"
#include "crypto/chain.h"
#include "crypto/demo.h"
#include "crypto/pem.h"
#include "crypto/reason.h"

static void look_for_demo(Keyring *keyring, const PemStack *stack, const char *path)
{
	for (int i = 0; !keyring->demo && i < sk_X509_INFO_num(stack); i++) {
		const X509 *cert = sk_X509_INFO_value(stack, i)->x509;
		g_autofree char *found = cert ? demo_describe(cert) : NULL;

		if (found)
			keyring->demo = g_strdup_printf("keyring %s contains %s", path, found);
	}
}

/* Everything in the file goes into the store; `*n_certs` is how many can be trusted. */
static bool load_file(Keyring *keyring, const KeyringRules *rules, int *n_certs, GError **error)
{
	X509_STORE *store = keyring->store;
	const char *path = rules->path;
	g_autoptr(PemStack) stack = pem_read(path, error);
	bool has_crl = false;

	if (!stack) {
		g_prefix_error(error, "keyring: ");
		return false;
	}
	look_for_demo(keyring, stack, path);
	for (int i = 0; i < sk_X509_INFO_num(stack); i++) {
		const X509_INFO *info = sk_X509_INFO_value(stack, i);

		if (info->x509 && !X509_STORE_add_cert(store, info->x509))
			return reason_fail(error, FAILURE_FORMAT,
			                   "cannot use a certificate in keyring %s", path);
		if (info->crl && !X509_STORE_add_crl(store, info->crl))
			return reason_fail(error, FAILURE_FORMAT, "cannot use a CRL in keyring %s",
			                   path);
		*n_certs += info->x509 != NULL;
		has_crl = has_crl || info->crl;
	}
	if (has_crl && !rules->check_crl && !rules->keep_quiet)
		g_warning("Detected CRL but CRL checking is disabled!");
	return true;
}

/* c_rehash names: eight hex digits, a dot, for CRLs an r, and a number. */
static bool is_hash_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && g_ascii_isdigit(name[9]);
}

/* OpenSSL reads these when it looks for one; what it cannot read is none. */
static void look_into(Keyring *keyring, const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autoptr(PemStack) stack = pem_read(path, NULL);

	if (stack)
		look_for_demo(keyring, stack, path);
}

static bool add_folder(Keyring *keyring, const char *path, int *n_certs, GError **error)
{
	g_autoptr(GError) reason = NULL;
	g_autoptr(GDir) folder = g_dir_open(path, 0, &reason);

	if (!folder)
		return fail(error, FAILURE_NOT_FOUND, "keyring directory: %s", reason->message);
	if (strchr(path, ':')) /* OpenSSL takes it for a list of folders */
		return fail(error, FAILURE_CONFIG,
		            "keyring directory %s: the path must not have a colon", path);
	for (const char *name; (name = g_dir_read_name(folder));) {
		if (!is_hash_name(name))
			continue;
		look_into(keyring, path, name);
		(*n_certs)++;
	}

	X509_LOOKUP *lookup = X509_STORE_add_lookup(keyring->store, X509_LOOKUP_hash_dir());
	if (!lookup || X509_LOOKUP_add_dir(lookup, path, X509_FILETYPE_PEM) != 1)
		return reason_fail(error, FAILURE_CONFIG, "cannot use keyring directory %s", path);
	return true;
}

static bool fill_store(Keyring *keyring, const KeyringRules *rules, GError **error)
{
	int n_certs = 0;

	if (rules->path && !load_file(keyring, rules, &n_certs, error))
		return false;
	if (n_certs == 0 && !rules->directory)
		return fail(error, FAILURE_FORMAT, "keyring %s has no certificate", rules->path);
	if (rules->directory && !add_folder(keyring, rules->directory, &n_certs, error))
		return false;
	if (n_certs == 0)
		return fail(error, FAILURE_CONFIG,
		            "keyring directory %s has no certificate named by its hash: "
		            "run openssl rehash",
		            rules->directory);
	return true;
}

static bool check_demo(const Keyring *keyring, bool keep_quiet, GError **error)
{
	if (!keyring->demo || (keep_quiet && !keyring->refuse_demo))
		return true;
	if (keyring->refuse_demo)
		return fail(error, FAILURE_CONFIG,
		            "%s: anyone can sign for whoever trusts it; " DEMO_ADVICE,
		            keyring->demo);
	g_warning("%s: NOT FOR PRODUCTION, anyone can sign for whoever trusts it", keyring->demo);
	return true;
}

/* The names of upstream: "codesign" is ours, whatever OpenSSL calls so. */
static bool set_purpose(Keyring *keyring, const char *name, GError **error)
{
	if (!name)
		return true;
	if (g_str_equal(name, "codesign") || g_str_equal(name, "codesign-rauc")) {
		keyring->is_codesign = true;
		keyring->purpose = X509_PURPOSE_ANY;
		return true;
	}

	int index = X509_PURPOSE_get_by_sname(name);
	if (index < 0)
		return fail(error, FAILURE_CONFIG, "failed to configure X509 purpose '%s'", name);
	keyring->purpose = X509_PURPOSE_get_id(X509_PURPOSE_get0(index));
	return true;
}

Keyring *keyring_load(const KeyringRules *rules, GError **error)
{
	REASON_SCOPE;
	unsigned long flags = 0;

	if (!rules->path && !rules->directory)
		return fail_null(error, FAILURE_CONFIG, "No keyring file or directory provided");

	g_autoptr(Keyring) keyring = g_new0(Keyring, 1);
	keyring->use_bundle_signing_time = rules->use_bundle_signing_time;
	keyring->no_check_time = rules->no_check_time;
	keyring->check_time = rules->check_time;
	keyring->check_reason = g_strdup(rules->check_reason);
	keyring->refuse_demo = rules->refuse_demo;
	keyring->allowed_signer_cns = g_strdupv((GStrv)rules->allowed_signer_cns);
	if (!set_purpose(keyring, rules->check_purpose, error))
		return NULL;

	keyring->store = X509_STORE_new();
	if (!keyring->store)
		return reason_fail_null(error, FAILURE_CONFIG, "cannot make a keyring");
	if (rules->check_crl)
		flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL |
		         X509_V_FLAG_EXTENDED_CRL_SUPPORT;
	if (rules->allow_partial_chain)
		flags |= X509_V_FLAG_PARTIAL_CHAIN;
	X509_STORE_set_flags(keyring->store, flags);
	if (!fill_store(keyring, rules, error) || !check_demo(keyring, rules->keep_quiet, error))
		return NULL;
	return g_steal_pointer(&keyring);
}

Keyring *keyring_at(const Keyring *keyring, gint64 check_time)
{
	Keyring *other = g_new(Keyring, 1);

	*other = *keyring;
	X509_STORE_up_ref(other->store);
	other->check_time = check_time;
	other->allowed_signer_cns = g_strdupv(keyring->allowed_signer_cns);
	return other;
}

void keyring_free(Keyring *keyring)
{
	if (!keyring)
		return;
	X509_STORE_free(keyring->store);
	g_strfreev(keyring->allowed_signer_cns);
	g_free(keyring->check_reason);
	g_free(keyring->demo);
	g_free(keyring);
}

const char *keyring_demo(const Keyring *keyring)
{
	return keyring->demo;
}
