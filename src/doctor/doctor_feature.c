/* SPDX-License-Identifier: MIT */

/* What this device can do, why not, and what would enable it. */

#include "doctor/doctor_families.h"
#include "system/stream.h"

static void add(Doctor *doctor, const char *name, DoctorAbility ability, const char *why,
                const char *enable)
{
	DoctorFeature *feature = g_new0(DoctorFeature, 1);

	feature->name = name;
	feature->ability = ability;
	feature->why = g_strdup(why);
	feature->enable = ability == DOCTOR_WORKS ? NULL : g_strdup(enable);
	g_ptr_array_add(doctor->features, feature);
}

static void add_formats(Doctor *doctor)
{
	const Config *config = doctor->config;
	bool has_crypt = config->bundle_formats & MANIFEST_CRYPT;

	if (config->bundle_formats & MANIFEST_VERITY)
		add(doctor, "verity", DOCTOR_WORKS, "nothing of the kernel is needed", NULL);
	else
		add(doctor, "verity", DOCTOR_OFF, "bundle-formats= leaves it out",
		    "add verity to bundle-formats= in [system]");
	if (has_crypt && config->encryption_key &&
	    !doctor_has_found(doctor, "trust.decryption-key"))
		add(doctor, "crypt", DOCTOR_WORKS, "there is a key for it", NULL);
	else
		add(doctor, "crypt", DOCTOR_OFF,
		    !has_crypt               ? "bundle-formats= leaves it out"
		    : config->encryption_key ? "its key cannot be read"
		                             : "no key is configured",
		    "set key= in [encryption], and allow crypt in bundle-formats= of [system]");
}

static void add_adaptive(Doctor *doctor)
{
	if (!doctor->config->data_directory)
		add(doctor, "adaptive", DOCTOR_OFF, "there is no data directory for the indexes",
		    "set data-directory= in [system]");
	else if (doctor_has_found(doctor, "config.data-unwritable"))
		add(doctor, "adaptive", DOCTOR_OFF, "the data directory cannot be written",
		    "see config.data-unwritable");
	else
		add(doctor, "adaptive", DOCTOR_WORKS, "indexes are kept in the data directory",
		    NULL);
}

static void add_streaming(Doctor *doctor)
{
	static const char *const obstacles[] = { "streaming.no-fetch", "streaming.no-user",
		                                 "streaming.sandbox" };
	g_autofree char *program = stream_program(NULL);

	if (!program) {
		add(doctor, "streaming", DOCTOR_OFF, "this program was built without it",
		    "build with -Dstreaming=enabled");
		return;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(obstacles); i++) {
		g_autofree char *see = g_strconcat("see ", obstacles[i], NULL);

		if (!doctor_has_found(doctor, obstacles[i]))
			continue;
		add(doctor, "streaming", DOCTOR_OFF, doctor_kind(obstacles[i])->why, see);
		return;
	}
	add(doctor, "streaming", DOCTOR_WORKS, "rauc-fetch and its user are there", NULL);
}

static void add_token(Doctor *doctor)
{
	static const char *const modules[] = { "/usr/lib/ossl-modules",
		                               "/usr/lib64/ossl-modules",
		                               "/usr/lib/x86_64-linux-gnu/ossl-modules",
		                               "/usr/lib/aarch64-linux-gnu/ossl-modules",
		                               "/usr/lib/arm-linux-gnueabihf/ossl-modules",
		                               NULL };
	static const char *const engines[] = { "/usr/lib/engines-3",
		                               "/usr/lib64/engines-3",
		                               "/usr/lib/x86_64-linux-gnu/engines-3",
		                               "/usr/lib/aarch64-linux-gnu/engines-3",
		                               "/usr/lib/arm-linux-gnueabihf/engines-3",
		                               NULL };
	g_autofree char *provider = doctor_search(doctor, modules, "pkcs11.so");
	g_autofree char *engine = doctor_search(doctor, engines, "pkcs11.so");

	if (provider || engine)
		add(doctor, "pkcs11", DOCTOR_WORKS,
		    provider ? "OpenSSL's provider for it is installed"
		             : "OpenSSL's engine for it is installed",
		    NULL);
	else
		add(doctor, "pkcs11", DOCTOR_UNKNOWN, "neither provider nor engine is found",
		    "install pkcs11-provider or libengine-pkcs11-openssl, and the token's module");
}

static void add_status(Doctor *doctor)
{
	if (doctor->config->status_file)
		add(doctor, "central-status", DOCTOR_WORKS, "one file for all slots", NULL);
	else
		add(doctor, "central-status", DOCTOR_OFF, "each slot keeps its own status",
		    "set data-directory= or statusfile= in [system]");
}

static void add_trust(Doctor *doctor)
{
	if (doctor->config->data_directory)
		add(doctor, "trusted-time", DOCTOR_WORKS, "kept in the data directory", NULL);
	else
		add(doctor, "trusted-time", DOCTOR_OFF, "only the build time of the image counts",
		    "set data-directory= in [system]");
}

void doctor_feature(Doctor *doctor)
{
	if (!doctor->config)
		return;
	add_formats(doctor);
	add_adaptive(doctor);
	add_streaming(doctor);
	add_token(doctor);
	add_status(doctor);
	add_trust(doctor);
	add(doctor, "artifacts", DOCTOR_OFF,
	    "artifact repositories are not built into this program",
	    "install images into slots instead");
	add(doctor, "casync", DOCTOR_OFF, "casync is not supported",
	    "use adaptive=block-hash-index, which needs no chunk store");
}
