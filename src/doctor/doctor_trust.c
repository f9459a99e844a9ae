/* SPDX-License-Identifier: MIT */

/* Whom this device trusts, and for which time. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "doctor/doctor_families.h"
#include "system/clock.h"
#include "system/trust.h"

/* The notes of system/keyring_health are findings: "trust.<code>". */
static void add_notes(Doctor *doctor, const KeyringHealth *health, const char *where)
{
	for (unsigned i = 0; i < health->notes->len; i++) {
		const KeyringNote *note = health->notes->pdata[i];
		g_autofree char *id = g_strconcat("trust.", note->code, NULL);

		if (note->level == KEYRING_FINE || !doctor_kind(id))
			continue;
		doctor_find_as(doctor,
		               note->level == KEYRING_BROKEN ? DOCTOR_ERROR : DOCTOR_WARNING, id,
		               where, "%s", note->text);
	}
}

static void check_keys(Doctor *doctor, const KeyringContent *content)
{
	for (unsigned i = 0; i < content->certs->len; i++) {
		const KeyringCert *cert = content->certs->pdata[i];

		if (cert->weakness)
			doctor_find(doctor, "trust.weak-key", cert->source, "'%s' %s",
			            cert->facts->subject, cert->weakness);
	}
}

static void check_keyring(Doctor *doctor, int64_t now)
{
	const ConfigKeyring *keyring = &doctor->config->keyring;
	const char *where = keyring->path ? keyring->path : keyring->directory;
	g_autoptr(GError) error = NULL;
	struct stat st;

	if (!where)
		return;
	if (keyring->path && stat(keyring->path, &st) == 0 && !S_ISREG(st.st_mode)) {
		doctor_find(doctor, "trust.unreadable", where, "the keyring is not a file");
		return;
	}
	g_autoptr(KeyringContent) content = trust_load_content(keyring, &error);
	if (!content) {
		doctor_find(doctor, "trust.unreadable", where, "%s", error->message);
		return;
	}
	g_autoptr(KeyringHealth) health = keyring_health_judge(content, keyring, now);
	add_notes(doctor, health, where);
	check_keys(doctor, content);

	g_autofree char *demo = trust_find_demo(keyring);
	if (demo)
		doctor_find_as(doctor, keyring->allow_demo_keys ? DOCTOR_WARNING : DOCTOR_ERROR,
		               "trust.demo-keys", where, "%s", demo);
}

/* What stands in the place of a copy may be anything, and is not waited for. */
static TrustStateFound load_state(const char *folder)
{
	static const char *const names[] = { "trust.1", "trust.2" };

	for (unsigned i = 0; folder && i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(folder, names[i], NULL);
		struct stat st;

		if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
			return (TrustStateFound){ .kind = TRUST_STATE_LOST };
	}
	return trust_state_load(folder);
}

/* The latest time that must have passed: that of the build, and what is kept. */
static int64_t floor_of(Doctor *doctor, char **words)
{
	const char *source = NULL;
	int64_t floor = clock_build_time_below(doctor->root, &source);
	TrustStateFound found = load_state(doctor->config->data_directory);

	*words = g_strdup(source);
	if (found.kind == TRUST_STATE_LOST)
		doctor_find(doctor, "trust.state-lost", doctor->config->data_directory,
		            "the trust state is damaged, both copies of it");
	if (found.kind == TRUST_STATE_KEPT && found.state.time_floor > floor) {
		floor = found.state.time_floor;
		g_free(*words);
		*words = g_strdup("the trust state");
	}
	return floor;
}

static int64_t check_clock(Doctor *doctor)
{
	g_autofree char *words = NULL;
	int64_t now = clock_now(), floor = floor_of(doctor, &words);

	if (!doctor->is_live || now >= floor)
		return MAX(now, floor);
	g_autofree char *says = clock_format(now), *least = clock_format(floor);
	doctor_find(doctor, "trust.clock-behind", NULL,
	            "the clock says %s, it must be %s at least (%s)", says, least, words);
	return floor;
}

static void check_decryption(Doctor *doctor)
{
	const char *path = doctor->config->encryption_key;
	struct stat st;

	if (!path || g_str_has_prefix(path, "pkcs11:"))
		return;
	if (stat(path, &st) < 0)
		doctor_find(doctor, "trust.decryption-key", path,
		            "the key that opens encrypted bundles: %s", g_strerror(errno));
	else if (access(path, R_OK) < 0)
		doctor_find(doctor, "trust.decryption-key", path,
		            "the key that opens encrypted bundles cannot be read: %s",
		            g_strerror(errno));
	else if (st.st_mode & 0077)
		doctor_find(
			doctor, "trust.decryption-key-open", path,
			"the key that opens encrypted bundles can be read by others (mode %03o)",
			st.st_mode & 0777);
}

void doctor_trust(Doctor *doctor)
{
	if (!doctor->config)
		return;
	check_keyring(doctor, check_clock(doctor));
	check_decryption(doctor);
}
