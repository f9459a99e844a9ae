/* SPDX-License-Identifier: MIT */

/* What marks the slot good, and what restarts a system that hangs. */

#include <string.h>

#include "doctor/doctor_families.h"

#define UNIT   "rauc-mark-good.service"
#define TARGET "boot-complete.target"

/* Where systemd looks, the first that has it counts. */
static const char *const units[] = {
	"/etc/systemd/system",     "/run/systemd/system", "/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system", "/lib/systemd/system", NULL,
};

/* Does something want it: <folder>/<any>.wants/UNIT, .requires/UNIT? */
static bool is_wanted_in(const Doctor *doctor, const char *path)
{
	g_autofree char *real = doctor_path(doctor, path);
	g_autoptr(GDir) folder = g_dir_open(real, 0, NULL);

	for (const char *name; folder && (name = g_dir_read_name(folder));) {
		g_autofree char *below = g_build_filename(path, name, NULL);

		if (!g_str_has_suffix(name, ".wants") && !g_str_has_suffix(name, ".requires"))
			continue;
		const char *const places[] = { below, NULL };
		g_autofree char *found = doctor_search(doctor, places, UNIT);
		if (found)
			return true;
	}
	return false;
}

static bool is_wanted(const Doctor *doctor)
{
	for (const char *const *folder = units; *folder; folder++) {
		if (is_wanted_in(doctor, *folder))
			return true;
	}
	return false;
}

/* Do these lines of a unit file say "<key>=… <value> …"? */
static bool says(const char *text, const char *key, const char *value)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

	for (char **line = lines; *line; line++) {
		const char *equals = strchr(*line, '=');
		g_autofree char *name = equals ? g_strndup(*line, (size_t)(equals - *line)) : NULL;

		if (!name || !g_str_equal(g_strstrip(name), key))
			continue;
		g_auto(GStrv) words = g_strsplit_set(equals + 1, " \t\r", -1);
		if (!value || g_strv_contains((const char *const *)words, value))
			return true;
	}
	return false;
}

/* The unit and what is dropped in beside it. */
static char *text_of_unit(const Doctor *doctor, const char *path)
{
	g_autofree char *base = doctor_read(doctor, path);
	g_autoptr(GString) text = g_string_new(base);

	for (const char *const *at = units; *at; at++) {
		g_autofree char *drop = g_strconcat(*at, "/" UNIT ".d", NULL);
		g_autofree char *real = doctor_path(doctor, drop);
		g_autoptr(GDir) folder = g_dir_open(real, 0, NULL);

		for (const char *name; folder && (name = g_dir_read_name(folder));) {
			g_autofree char *part = g_build_filename(drop, name, NULL);
			g_autofree char *more = doctor_read(doctor, part);

			g_string_append_printf(text, "\n%s", more ? more : "");
		}
	}
	return g_string_free(g_steal_pointer(&text), FALSE);
}

static void check_mark_good(Doctor *doctor)
{
	g_autofree char *path = doctor_search(doctor, units, UNIT);
	g_autofree char *real = path ? doctor_path(doctor, path) : NULL;
	g_autofree char *below = path ? g_strconcat(doctor->root, path, NULL) : NULL;
	g_autofree char *link = below ? g_file_read_link(below, NULL) : NULL;

	if (!path) {
		doctor_find(doctor, "health.no-mark-good", UNIT, "the unit is not installed");
		return;
	}
	if (g_strcmp0(link, "/dev/null") == 0 || g_str_has_suffix(real, "/dev/null")) {
		doctor_find(doctor, "health.mark-good-masked", path, "the unit is masked");
		return;
	}
	if (!is_wanted(doctor))
		doctor_find(doctor, "health.mark-good-disabled", path, "the unit is not enabled");
	g_autofree char *text = text_of_unit(doctor, path);
	if (!says(text, "After", TARGET) ||
	    (!says(text, "Requires", TARGET) && !says(text, "BindsTo", TARGET)))
		doctor_find(doctor, "health.mark-good-alone", path,
		            "the unit does not wait for " TARGET);
}

/* Value of a key in systemd's own configuration, drop-ins included. */
static bool manager_says(const Doctor *doctor, const char *key)
{
	static const char *const files[] = { "/etc/systemd/system.conf",
		                             "/usr/lib/systemd/system.conf" };
	static const char *const folders[] = {
		"/etc/systemd/system.conf.d",
		"/run/systemd/system.conf.d",
		"/usr/lib/systemd/system.conf.d",
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *text = doctor_read(doctor, files[i]);

		if (text && says(text, key, NULL))
			return true;
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(folders); i++) {
		g_autofree char *real = doctor_path(doctor, folders[i]);
		g_autoptr(GDir) folder = g_dir_open(real, 0, NULL);

		for (const char *name; folder && (name = g_dir_read_name(folder));) {
			g_autofree char *part = g_build_filename(folders[i], name, NULL);
			g_autofree char *text = doctor_read(doctor, part);

			if (text && says(text, key, NULL))
				return true;
		}
	}
	return false;
}

/* Is there a watchdog of hardware, and does somebody feed it? */
static bool watchdog_is_used(Doctor *doctor)
{
	g_autofree char *state = doctor_read(doctor, "/sys/class/watchdog/watchdog0/state");
	g_autofree char *identity = doctor_read(doctor, "/sys/class/watchdog/watchdog0/identity");
	bool is_used = (state && g_str_has_prefix(state, "active")) ||
	               manager_says(doctor, "RuntimeWatchdogSec");

	if (doctor_has(doctor, "/sys/class/watchdog/watchdog0") && !is_used &&
	    !(identity && strstr(identity, "Software")))
		doctor_find(doctor, "health.watchdog-unused", "/dev/watchdog0",
		            "there is a hardware watchdog, and nobody uses it");
	return is_used;
}

static void check_panic(Doctor *doctor)
{
	bool is_watched = watchdog_is_used(doctor);
	g_autofree char *word = doctor_word(doctor, "panic");
	g_autofree char *kept = doctor_read(doctor, "/proc/sys/kernel/panic");
	bool restarts = (word && *word && !g_str_equal(word, "0")) ||
	                (kept && g_ascii_strtoll(kept, NULL, 10) != 0);

	if (!restarts && !is_watched)
		doctor_find(doctor, "health.no-panic-restart", "/proc/cmdline",
		            "panic= is not on the kernel command line, and no watchdog is used");
}

void doctor_health(Doctor *doctor)
{
	bool has_systemd = doctor_has(doctor, "/usr/lib/systemd/systemd") ||
	                   doctor_has(doctor, "/lib/systemd/systemd");

	if (has_systemd)
		check_mark_good(doctor);
	else if (doctor->config)
		doctor_find(doctor, "health.no-systemd", NULL,
		            "systemd is not installed: who calls `rauc status mark-good` here?");
	if (doctor->is_live)
		check_panic(doctor);
}
