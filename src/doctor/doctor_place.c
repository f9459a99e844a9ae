/* SPDX-License-Identifier: MIT */

/* Where things are: this device, or a root file system in a folder. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"
#include "doctor/doctor_families.h"
#include "system/detect.h"

enum { MAX_LINKS = 40, SMALL = 1 << 20 };

/* One step down from `*at` (of the device, "" is its root) by `name`; a link puts what it says in
 * front of `rest`. */
static void step(const Doctor *doctor, GString *at, const char *name, char **rest,
                 unsigned *n_links)
{
	if (!*name || g_str_equal(name, "."))
		return;
	if (g_str_equal(name, "..")) {
		const char *slash = strrchr(at->str, '/');

		g_string_truncate(at, slash ? (size_t)(slash - at->str) : 0);
		return;
	}

	g_autofree char *full = g_strconcat(doctor->root, at->str, "/", name, NULL);
	g_autofree char *link = g_file_read_link(full, NULL);
	if (!link || ++*n_links > MAX_LINKS) {
		g_string_append_printf(at, "/%s", name);
		return;
	}
	if (*link == '/')
		g_string_truncate(at, 0);
	char *longer = g_strconcat(link, "/", *rest, NULL);
	g_free(*rest);
	*rest = longer;
}

char *doctor_path(const Doctor *doctor, const char *path)
{
	if (!*doctor->root || *path != '/')
		return g_strdup(path);

	g_autoptr(GString) at = g_string_new(NULL);
	g_autofree char *rest = g_strdup(path);
	unsigned n_links = 0;
	while (*rest) {
		size_t length = strcspn(rest, "/");
		g_autofree char *name = g_strndup(rest, length);
		char *left = g_strdup(rest + length + (rest[length] ? 1 : 0));

		g_free(rest);
		rest = left;
		step(doctor, at, name, &rest, &n_links);
	}
	return g_strconcat(doctor->root, at->str, NULL);
}

const char *doctor_name(const Doctor *doctor, const char *path)
{
	size_t length = strlen(doctor->root);

	return length && g_str_has_prefix(path, doctor->root) && path[length] == '/' ? path + length
	                                                                             : path;
}

bool doctor_has(const Doctor *doctor, const char *path)
{
	g_autofree char *real = doctor_path(doctor, path);

	return access(real, F_OK) == 0;
}

char *doctor_slurp(const char *real, size_t limit, size_t *size, GError **error)
{
	struct stat st;

	if (stat(real, &st) < 0)
		return fail_errno_null(error, "cannot read %s", real);
	if (!S_ISREG(st.st_mode))
		return fail_null(error, FAILURE_FORMAT, "%s is not a regular file", real);
	return file_read(real, limit, size, error);
}

char *doctor_read(const Doctor *doctor, const char *path)
{
	g_autofree char *real = doctor_path(doctor, path);

	return doctor_slurp(real, SMALL, NULL, NULL);
}

char *doctor_search(const Doctor *doctor, const char *const *folders, const char *name)
{
	for (const char *const *folder = folders; *folder; folder++) {
		g_autofree char *path = g_build_filename(*folder, name, NULL);
		g_autofree char *real = g_strconcat(doctor->root, path, NULL);
		struct stat st;

		if (lstat(real, &st) == 0)
			return g_steal_pointer(&path);
	}
	return NULL;
}

bool doctor_has_program(const Doctor *doctor, const char *name)
{
	static const char *const folders[] = {
		"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", NULL,
	};

	for (const char *const *folder = folders; *folder; folder++) {
		g_autofree char *path = g_build_filename(*folder, name, NULL);
		g_autofree char *real = doctor_path(doctor, path);

		if (access(real, X_OK) == 0)
			return true;
	}
	return false;
}

char *doctor_existing(const char *path)
{
	char *at = g_strdup(path);

	while (access(at, F_OK) < 0 && errno == ENOENT && strlen(at) > 1) {
		char *above = g_path_get_dirname(at);

		g_free(at);
		at = above;
	}
	return at;
}

bool doctor_is_writable(const char *folder, const char **why)
{
	struct stat st;

	*why = NULL;
	if (stat(folder, &st) < 0)
		*why = g_strerror(errno);
	else if (!S_ISDIR(st.st_mode))
		*why = "it is not a folder";
	else if (access(folder, W_OK | X_OK) < 0)
		*why = g_strerror(errno);
	return !*why;
}

/* Is `point` this folder, or above it? */
static bool is_above(const char *point, const char *folder)
{
	size_t length = strlen(point);

	return g_str_equal(point, "/") ||
	       (strncmp(folder, point, length) == 0 && (folder[length] == '/' || !folder[length]));
}

const Slot *doctor_slot_around(const Doctor *doctor, const char *path)
{
	g_auto(GStrv) lines = g_strsplit(doctor->mountinfo, "\n", -1);
	g_autofree char *real = path_real(path);
	const char *name = doctor_name(doctor, real), *line = NULL;
	size_t longest = 0;

	for (char **at = lines; *at; at++) {
		g_auto(GStrv) fields = g_strsplit(*at, " ", 6);
		g_autofree char *point =
			g_strv_length(fields) == 6 ? g_strcompress(fields[4]) : NULL;

		if (!point || !is_above(point, name) || strlen(point) < longest)
			continue;
		longest = strlen(point);
		line = *at;
	}
	for (unsigned i = 0; line && i < doctor->config->slots->len; i++) {
		const Slot *slot = doctor->config->slots->pdata[i];
		g_autofree char *at = detect_mount_point(slot, line);

		if (at)
			return slot;
	}
	return NULL;
}

SlotStatus *doctor_status(const Doctor *doctor, const Slot *slot)
{
	g_autofree char *group = g_strconcat("slot.", slot->name, NULL);

	return doctor->status ? status_file_get(doctor->status, group) : NULL;
}

char *doctor_word(const Doctor *doctor, const char *key)
{
	g_auto(GStrv) words = g_strsplit_set(doctor->cmdline ? doctor->cmdline : "", " \t\n", -1);
	size_t length = strlen(key);

	for (char **word = words; *word; word++) {
		if (strncmp(*word, key, length) != 0)
			continue;
		if (!(*word)[length] || (*word)[length] == '=')
			return g_strdup(*word + length + ((*word)[length] ? 1 : 0));
	}
	return NULL;
}

uint64_t doctor_uptime(const Doctor *doctor)
{
	g_autofree char *text = doctor_read(doctor, "/proc/uptime");

	return text ? g_ascii_strtoull(text, NULL, 10) : 0;
}
