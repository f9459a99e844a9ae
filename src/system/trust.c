/* SPDX-License-Identifier: MIT */

#include "system/trust.h"

#include "base/error.h"

Keyring *trust_load(const ConfigKeyring *config, bool no_check_time, GError **error)
{
	KeyringRules rules = {
		.path = config->path,
		.directory = config->directory,
		.check_crl = config->check_crl,
		.allow_partial_chain = config->allow_partial_chain,
		.use_bundle_signing_time = config->use_bundle_signing_time,
		.no_check_time = no_check_time,
		.check_purpose = config->check_purpose,
		.allowed_signer_cns = (const char *const *)config->allowed_signer_cns,
	};

	if (!config->path && !config->directory)
		return fail_null(error, FAILURE_CONFIG, "No keyring file or directory provided");
	return keyring_load(&rules, error);
}

EnvelopeKey trust_decryption(const Config *config)
{
	const char *passphrase = g_getenv("RAUC_KEY_PASSPHRASE");

	return (EnvelopeKey){
		.key_path = config->encryption_key,
		.cert_path = config->encryption_cert,
		.passphrase = passphrase && *passphrase ? passphrase : NULL,
	};
}

BundleFile *trust_open_file(const Config *config, const char *path, GError **error)
{
	EnvelopeKey key = trust_decryption(config);
	g_autoptr(BundleFile) file =
		bundle_file_open(path, config->max_bundle_signature_size, error);

	return file && bundle_file_decrypt(file, &key, error) ? g_steal_pointer(&file) : NULL;
}
