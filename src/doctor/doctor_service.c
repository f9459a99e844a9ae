/* SPDX-License-Identifier: MIT */

/* The update service: what lets it come, and whether the one that runs is of today. */

#include <string.h>
#include <sys/stat.h>

#include "doctor/doctor_families.h"

#define NAME "de.pengutronix.rauc"

static const char *const policies[] = { "/etc/dbus-1/system.d", "/usr/share/dbus-1/system.d",
	                                NULL };
static const char *const activations[] = { "/usr/local/share/dbus-1/system-services",
	                                   "/usr/share/dbus-1/system-services",
	                                   "/lib/dbus-1/system-services", NULL };
static const char *const units[] = { "/etc/systemd/system",           "/run/systemd/system",
	                             "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
	                             "/lib/systemd/system",           NULL };

static void check_files(Doctor *doctor)
{
	g_autofree char *policy = doctor_search(doctor, policies, NAME ".conf");
	g_autofree char *activation = doctor_search(doctor, activations, NAME ".service");
	g_autofree char *text = activation ? doctor_read(doctor, activation) : NULL;
	g_autofree char *unit = doctor_search(doctor, units, "rauc.service");

	if (!doctor_has(doctor, "/usr/share/dbus-1/system.conf"))
		return; /* no bus: every rauc works by itself */
	if (!policy)
		doctor_find(doctor, "service.no-policy", NAME ".conf",
		            "the policy that lets the service have its name on the bus is missing");
	if (!activation)
		doctor_find(doctor, "service.no-activation", NAME ".service",
		            "nothing tells the bus how to start the service");
	else if (text && strstr(text, "SystemdService=rauc.service") && !unit)
		doctor_find(doctor, "service.no-unit", "rauc.service",
		            "the bus starts the service by a unit that is not there");
}

/* In seconds; 0: unknown. Field 22 of stat is the start in ticks since the kernel's. */
static int64_t start_of(const Doctor *doctor, int pid)
{
	g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
	g_autofree char *text = doctor_read(doctor, path);
	g_autofree char *kernel = doctor_read(doctor, "/proc/stat");
	const char *rest = text ? strrchr(text, ')') : NULL;
	const char *btime = kernel ? strstr(kernel, "\nbtime ") : NULL;
	g_auto(GStrv) fields = rest ? g_strsplit(rest + 1, " ", -1) : NULL;

	if (!btime || !fields || g_strv_length(fields) < 21)
		return 0;
	return g_ascii_strtoll(btime + strlen("\nbtime "), NULL, 10) +
	       g_ascii_strtoll(fields[20], NULL, 10) / 100;
}

static void check_running(Doctor *doctor)
{
	int pid = doctor->options->service_pid;
	g_autofree char *path = g_strdup_printf("%s/proc/%d/exe", doctor->root, pid);
	g_autofree char *exe = g_file_read_link(path, NULL);
	int64_t start = start_of(doctor, pid);
	struct stat st;

	if (exe && g_str_has_suffix(exe, " (deleted)"))
		doctor_find(doctor, "service.old-program", exe,
		            "the service (process %d) still runs a program that was replaced", pid);
	if (doctor->conf && start && stat(doctor->conf, &st) == 0 && st.st_mtime > start + 1)
		doctor_find(doctor, "service.old-config", doctor->conf,
		            "system.conf was changed after the service (process %d) read it", pid);
}

void doctor_service(Doctor *doctor)
{
	check_files(doctor);
	if (doctor->is_live && doctor->options->bus == DOCTOR_BUS_SERVED)
		check_running(doctor);
}
