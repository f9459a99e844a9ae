/* SPDX-License-Identifier: MIT */

#include "model/config_take.h"

#include "base/error.h"

bool config_take_keyring(Config *config, KeyFile *file, GError **error)
{
	ConfigKeyring *keyring = &config->keyring;

	if (!config_take_optional_path(config, file, "keyring", "path", &keyring->path, error) ||
	    !config_take_optional_path(config, file, "keyring", "directory", &keyring->directory,
	                               error) ||
	    !keyfile_take_bool(file, "keyring", "check-crl", &keyring->check_crl, error) ||
	    !keyfile_take_bool(file, "keyring", "allow-partial-chain",
	                       &keyring->allow_partial_chain, error) ||
	    !keyfile_take_bool(file, "keyring", "use-bundle-signing-time",
	                       &keyring->use_bundle_signing_time, error) ||
	    !keyfile_take_string(file, "keyring", "check-purpose", &keyring->check_purpose,
	                         error) ||
	    !keyfile_take_list(file, "keyring", "allowed-signer-cns", &keyring->allowed_signer_cns,
	                       error) ||
	    !keyfile_take_bool(file, "keyring", "allow-demo-keys", &keyring->allow_demo_keys,
	                       error) ||
	    !keyfile_take_int(file, "keyring", "expiry-warning-days", &keyring->expiry_warning_days,
	                      error))
		return false;
	if (keyring->expiry_warning_days < 0)
		return fail(error, FAILURE_CONFIG,
		            "Value for 'expiry-warning-days' in group '[keyring]' must not be "
		            "negative");
	/* "nobody" must not be read as "anybody" */
	if (keyring->allowed_signer_cns && !*keyring->allowed_signer_cns)
		return fail(error, FAILURE_CONFIG,
		            "Missing value for key 'allowed-signer-cns' in group '[keyring]': name "
		            "whom to trust, or remove the key");
	return keyfile_end_group(file, "keyring", error);
}

bool config_take_casync(Config *config, KeyFile *file, GError **error)
{
	ConfigCasync *casync = &config->casync;

	return keyfile_take_optional(file, "casync", "storepath", &casync->store_path, error) &&
	       keyfile_take_optional(file, "casync", "tmppath", &casync->tmp_path, error) &&
	       config_take_words(file, "casync", "install-args", &casync->install_args, error) &&
	       keyfile_take_bool(file, "casync", "use-desync", &casync->use_desync, error) &&
	       keyfile_end_group(file, "casync", error);
}

/* A number of seconds, or of others, between two. */
static bool take_number(KeyFile *file, const char *key, int least, int most, int *value,
                        GError **error)
{
	if (!keyfile_take_int(file, "streaming", key, value, error))
		return false;
	return (*value >= least && *value <= most) ||
	       fail(error, FAILURE_CONFIG,
	            "Invalid value '%d' for key '%s' in group '[streaming]': it must be from %d to %d",
	            *value, key, least, most);
}

static bool take_policy(ConfigStreaming *streaming, KeyFile *file, GError **error)
{
	enum { DAY = 24 * 60 * 60, YEAR = 366 * DAY };

	streaming->stall_timeout_sec = streaming->connect_timeout_sec = 20;
	streaming->retry_max_sec = 60;
	streaming->connections = 4;
	return take_number(file, "stall-timeout-sec", 1, DAY, &streaming->stall_timeout_sec,
	                   error) &&
	       take_number(file, "connect-timeout-sec", 1, DAY, &streaming->connect_timeout_sec,
	                   error) &&
	       take_number(file, "retry-max-sec", 1, DAY, &streaming->retry_max_sec, error) &&
	       take_number(file, "deadline-sec", 0, YEAR, &streaming->deadline_sec, error) &&
	       take_number(file, "connections", 1, 16, &streaming->connections, error) &&
	       keyfile_take_size(file, "streaming", "rate-limit", &streaming->rate_limit, error);
}

bool config_take_streaming(Config *config, KeyFile *file, GError **error)
{
	static const char *const headers[] = { "boot-id", "machine-id", "system-version",
		                               "serial",  "variant",    "transaction-id",
		                               "uptime",  NULL };
	ConfigStreaming *streaming = &config->streaming;

	if (!keyfile_take_optional(file, "streaming", "sandbox-user", &streaming->sandbox_user,
	                           error) ||
	    !keyfile_take_optional(file, "streaming", "tls-cert", &streaming->tls_cert, error) ||
	    !keyfile_take_optional(file, "streaming", "tls-key", &streaming->tls_key, error) ||
	    !keyfile_take_optional(file, "streaming", "tls-ca", &streaming->tls_ca, error) ||
	    !keyfile_take_list(file, "streaming", "send-headers", &streaming->send_headers, error))
		return false;

	if (!take_policy(streaming, file, error))
		return false;

	const char *unknown = config_take_unknown(streaming->send_headers, headers);
	if (unknown)
		return fail(error, FAILURE_CONFIG,
		            "Automatic HTTP header '%s' not supported: key 'send-headers' in group "
		            "'[streaming]'",
		            unknown);
	return keyfile_end_group(file, "streaming", error);
}

/* A list of known words; `fallback` where the key is missing. */
static bool take_criteria(KeyFile *file, const char *key, const char *const *known,
                          const char *fallback, GStrv *criteria, GError **error)
{
	if (!keyfile_take_list(file, "polling", key, criteria, error))
		return false;
	if (!*criteria && fallback)
		*criteria = g_strsplit(fallback, ";", -1);

	const char *unknown = config_take_unknown(*criteria, known);
	return !unknown ||
	       fail(error, FAILURE_CONFIG, "Unsupported list item '%s' for key '%s' in [polling]",
	            unknown, key);
}

static bool take_all_criteria(ConfigPolling *polling, KeyFile *file, GError **error)
{
	static const char *const candidate[] = { "higher-semver", "different-version", NULL };
	static const char *const install[] = { "always", "higher-semver", "different-version",
		                               NULL };
	static const char *const reboot[] = { "updated-slots", "updated-artifacts", "failed-update",
		                              NULL };

	return take_criteria(file, "candidate-criteria", candidate, "higher-semver",
	                     &polling->candidate_criteria, error) &&
	       take_criteria(file, "install-criteria", install, NULL, &polling->install_criteria,
	                     error) &&
	       take_criteria(file, "reboot-criteria", reboot, NULL, &polling->reboot_criteria,
	                     error);
}

static bool take_interval(ConfigPolling *polling, KeyFile *file, GError **error)
{
	enum { DAY = 24 * 60 * 60, SHORTEST = 60 };

	polling->interval_sec = DAY;
	if (!keyfile_take_int(file, "polling", "interval-sec", &polling->interval_sec, error))
		return false;
	if (polling->interval_sec < SHORTEST)
		return fail(
			error, FAILURE_CONFIG,
			"Invalid value '%d' for key 'interval-sec' in group '[polling]': it must "
			"be at least %d",
			polling->interval_sec, SHORTEST);

	polling->max_interval_sec =
		polling->interval_sec > G_MAXINT / 4 ? G_MAXINT : 4 * polling->interval_sec;
	return keyfile_take_int(file, "polling", "max-interval-sec", &polling->max_interval_sec,
	                        error) &&
	       (polling->max_interval_sec > polling->interval_sec ||
	        fail(error, FAILURE_CONFIG,
	             "Invalid value '%d' for key 'max-interval-sec' in group '[polling]': it must "
	             "be above 'interval-sec' (%d)",
	             polling->max_interval_sec, polling->interval_sec));
}

bool config_take_polling(Config *config, KeyFile *file, GError **error)
{
	ConfigPolling *polling = &config->polling;

	if (!keyfile_has_group(file, "polling"))
		return true;
	if (!keyfile_take_string(file, "polling", "url", &polling->url, error))
		return false;
	if (!polling->url)
		return fail(error, FAILURE_CONFIG,
		            "Polling URL must be set if [polling] section exists");
	if (!g_str_has_prefix(polling->url, "http"))
		return fail(error, FAILURE_CONFIG,
		            "Invalid value '%s' for key 'url' in group '[polling]': it must begin "
		            "with 'http'",
		            polling->url);
	if (!take_interval(polling, file, error) ||
	    !keyfile_take_list(file, "polling", "inhibit-files", &polling->inhibit_files, error) ||
	    !take_all_criteria(polling, file, error) ||
	    !config_take_words(file, "polling", "reboot-cmd", &polling->reboot_cmd, error))
		return false;
	if (!polling->reboot_cmd)
		polling->reboot_cmd = g_strsplit("reboot", " ", -1);
	return keyfile_end_group(file, "polling", error);
}

bool config_take_encryption(Config *config, KeyFile *file, GError **error)
{
	return config_take_optional_path(config, file, "encryption", "key", &config->encryption_key,
	                                 error) &&
	       config_take_optional_path(config, file, "encryption", "cert",
	                                 &config->encryption_cert, error) &&
	       keyfile_end_group(file, "encryption", error);
}

bool config_take_autoinstall(Config *config, KeyFile *file, GError **error)
{
	return config_take_optional_path(config, file, "autoinstall", "path",
	                                 &config->autoinstall_path, error) &&
	       keyfile_end_group(file, "autoinstall", error);
}

bool config_take_handlers(Config *config, KeyFile *file, GError **error)
{
	bool is_custom = config->bootloader == BOOTLOADER_CUSTOM;

	if (!config_take_optional_path(config, file, "handlers", "system-info",
	                               &config->handler_system_info, error) ||
	    !config_take_optional_path(config, file, "handlers", "pre-install",
	                               &config->handler_pre_install, error) ||
	    !config_take_optional_path(config, file, "handlers", "post-install",
	                               &config->handler_post_install, error) ||
	    !keyfile_take_int(file, "handlers", "timeout-sec", &config->handler_timeout_sec, error))
		return false;
	if (config->handler_timeout_sec < 0)
		return fail(error, FAILURE_CONFIG,
		            "Value for 'timeout-sec' in group '[handlers]' must not be negative");
	if (is_custom &&
	    !config_take_optional_path(config, file, "handlers", "bootloader-custom-backend",
	                               &config->handler_bootloader_custom, error))
		return false;
	if (is_custom && !config->handler_bootloader_custom)
		return fail(error, FAILURE_CONFIG,
		            "No custom bootloader backend defined: set 'bootloader-custom-backend' "
		            "in group '[handlers]'");
	return keyfile_end_group(file, "handlers", error);
}
