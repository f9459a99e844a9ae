/* SPDX-License-Identifier: MIT */

#include "service/keyring_watch.h"

#include <glib/gstdio.h>
#include <string.h>

#include "bundle/maker.h"
#include "system/device.h"

#define LOG "[log.x]\nfilename=events\nformat=short\n"
#define DAY (24 * 60 * 60)

/* The event is a warning in the log as well. */
static GLogWriterOutput keep_quiet(GLogLevelFlags level G_GNUC_UNUSED,
                                   const GLogField *fields G_GNUC_UNUSED, gsize n G_GNUC_UNUSED,
                                   gpointer user G_GNUC_UNUSED)
{
	return G_LOG_WRITER_HANDLED;
}

static System *open_device(const Device *device, const char *keyring, int days)
{
	g_autofree char *more = g_strdup_printf(LOG "[keyring]\nexpiry-warning-days=%d\n", days);

	return device_open(device, keyring, more, NULL);
}

static unsigned count_lines(const Device *device, const char *part)
{
	g_autofree char *path = g_build_filename(device->folder, "data", "events", NULL);
	g_autofree char *text = NULL;
	unsigned n = 0;

	if (!g_file_get_contents(path, &text, NULL, NULL))
		return 0;
	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (char **line = lines; *line; line++)
		n += strstr(*line, part) != NULL;
	return n;
}

/* At once, and again after a day. */
static void test_once_a_day(void)
{
	g_autoptr(Maker) maker = maker_new(); /* its key is good for 300 days */
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = open_device(device, maker->cert, 400);
	g_autoptr(JobLine) line = job_line_new();
	g_autoptr(KeyringWatch) watch = keyring_watch_new(system, line);
	gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;
	const char *words = "keyring: 'O = Test, CN = Signer' expires in ";

	g_assert_cmpuint(count_lines(device, words), ==, 1);
	keyring_watch_look(watch, now + 60);
	keyring_watch_look(watch, now + DAY - 60);
	g_assert_cmpuint(count_lines(device, words), ==, 1);
	keyring_watch_look(watch, now + DAY + 60);
	g_assert_cmpuint(count_lines(device, words), ==, 2);
	keyring_watch_look(watch, now + DAY + 120);
	g_assert_cmpuint(count_lines(device, words), ==, 2);
}

/* Something else is told at once, and the same again when it was right in between. */
static void test_another_matter(void)
{
	g_autoptr(Maker) maker = maker_new();
	g_autoptr(Device) device = device_new();
	g_autofree char *ring = maker_path(maker, "ring.pem");
	g_autofree char *text = NULL;
	g_autoptr(System) system = open_device(device, ring, 400);
	g_autoptr(JobLine) line = job_line_new();

	g_assert_true(g_file_get_contents(maker->cert, &text, NULL, NULL));
	g_assert_true(g_file_set_contents(ring, text, -1, NULL));
	g_autoptr(KeyringWatch) watch = keyring_watch_new(system, line);
	gint64 now = g_get_monotonic_time() / G_USEC_PER_SEC;
	g_assert_cmpuint(count_lines(device, "expires in"), ==, 1);
	g_assert_cmpint(g_unlink(ring), ==, 0);
	keyring_watch_look(watch, now + 60);
	g_assert_cmpuint(count_lines(device, "No such file or directory"), ==, 1);
	g_assert_true(g_file_set_contents(ring, text, -1, NULL));
	keyring_watch_look(watch, now + 120);
	g_assert_cmpuint(count_lines(device, "expires in"), ==, 2);
}

static void test_quiet(void)
{
	g_autoptr(Maker) maker = maker_new();
	const struct {
		const char *keyring;
		int days;
	} rows[] = { { maker->cert, 100 }, { "/nonexistent.pem", 0 }, { NULL, 100 } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(Device) device = device_new();
		g_autoptr(System) system = open_device(device, rows[i].keyring, rows[i].days);
		g_autoptr(JobLine) line = job_line_new();
		g_autoptr(KeyringWatch) watch = keyring_watch_new(system, line);

		keyring_watch_look(watch, 10 * DAY);
		g_assert_cmpuint(count_lines(device, "keyring"), ==, 0);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_writer_func(keep_quiet, NULL, NULL);
	g_test_add_func("/keyring_watch/once-a-day", test_once_a_day);
	g_test_add_func("/keyring_watch/another-matter", test_another_matter);
	g_test_add_func("/keyring_watch/quiet", test_quiet);
	return g_test_run();
}
