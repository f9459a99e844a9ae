/* SPDX-License-Identifier: MIT */

/* Updates straight from a server. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "doctor/doctor_families.h"
#include "system/stream.h"

/* Nobody listens there, and nothing leaves this device. */
#define NOWHERE "http://127.0.0.1:1/"

static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
	                               "ALL_PROXY" };

static bool has_user(const Doctor *doctor, const char *user)
{
	g_autofree char *text = doctor_read(doctor, "/etc/passwd");
	g_autofree char *begin = g_strconcat("\n", user, ":", NULL);

	return text && (g_str_has_prefix(text, begin + 1) || strstr(text, begin));
}

/* rauc-fetch is started, shuts itself in, and is refused by nobody's port: then all of it works. */
static void try_sandbox(Doctor *doctor)
{
	g_autoptr(GError) error = NULL;

	for (unsigned i = 0; i < G_N_ELEMENTS(proxies); i++) {
		if (g_getenv(proxies[i]))
			return; /* somebody else might be asked */
	}
	Source *source = stream_open(doctor->config, NULL, NOWHERE, &error);
	source_unref(source);
	if (!source && !g_error_matches(error, FAILURE, FAILURE_NETWORK))
		doctor_find(doctor, "streaming.sandbox", NULL, "%s", error->message);
}

static void check_program(Doctor *doctor)
{
	const char *user = stream_user(doctor->config);
	g_autofree char *program = stream_program(NULL);
	bool is_here = !*doctor->root;
	g_autofree char *beside =
		is_here ? NULL : doctor_path(doctor, "/usr/libexec/rauc/rauc-fetch");
	const char *path = is_here ? program : beside;

	if (!program)
		return; /* built without it */
	if (access(path, X_OK) < 0) {
		doctor_find(doctor, "streaming.no-fetch", path, "rauc-fetch: %s",
		            g_strerror(errno));
		return;
	}
	if (!has_user(doctor, user)) {
		doctor_find(doctor, "streaming.no-user", "/etc/passwd",
		            "there is no user '%s' for rauc-fetch", user);
		return;
	}
	if (is_here && doctor->is_live)
		try_sandbox(doctor);
}

static void check_files(Doctor *doctor)
{
	const ConfigStreaming *streaming = &doctor->config->streaming;
	const struct {
		const char *key, *path;
	} files[] = {
		{ "tls-cert", streaming->tls_cert },
		{ "tls-key", streaming->tls_key },
		{ "tls-ca", streaming->tls_ca },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
		const char *path = files[i].path;

		if (path && !g_str_has_prefix(path, "pkcs11:") && access(path, R_OK) < 0)
			doctor_find(doctor, "streaming.tls-file", path, "%s= of [streaming]: %s",
			            files[i].key, g_strerror(errno));
	}
}

static void check_proxies(Doctor *doctor)
{
	for (unsigned i = 0; !*doctor->root && i < G_N_ELEMENTS(proxies); i++) {
		const char *value = g_getenv(proxies[i]);

		if (value && *value && (!strstr(value, "://") || strpbrk(value, " \t\n\"'")))
			doctor_find(doctor, "streaming.proxy", proxies[i],
			            "the environment variable %s is no URL: '%s'", proxies[i],
			            value);
	}
}

static void check_names(Doctor *doctor)
{
	g_autofree char *text = doctor_read(doctor, "/etc/resolv.conf");

	if (doctor->is_live && (!text || !strstr(text, "nameserver")))
		doctor_find(doctor, "streaming.no-dns", "/etc/resolv.conf",
		            "no name server is configured");
}

void doctor_streaming(Doctor *doctor)
{
	if (!doctor->config)
		return;
	check_program(doctor);
	check_files(doctor);
	check_proxies(doctor);
	check_names(doctor);
}
