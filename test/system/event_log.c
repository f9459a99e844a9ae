/* SPDX-License-Identifier: MIT */

#include "system/event_log.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "system/device.h"

static const EventField fields[] = {
	{ "BUNDLE_HASH", "19a7" },
	{ "BUNDLE_DESCRIPTION", NULL },
	{ "BUNDLE_VERSION", "2011.03-2" },
	{ "TRANSACTION_ID", "b3d5dbda-8e2b" },
};

static const Event done = { .type = EVENT_INSTALL,
	                    .message = "Installation b3d5dbda \"x\" succeeded",
	                    .id = "0163",
	                    .id_comes_first = true,
	                    .fields = fields,
	                    .n_fields = G_N_ELEMENTS(fields) };
static const Event marked = { .type = EVENT_MARK,
	                      .message = "Marked slot a as good",
	                      .id = "3304" };
static const Event plain = { .type = EVENT_WRITESLOT, .message = "Updating slot a\n" };

static const struct {
	const Event *event;
	const char *format, *text;
} texts[] = {
	{ &done, "readable",
	  "T: Installation b3d5dbda \"x\" succeeded\n"
	  "                      bundle hash: 19a7\n"
	  "                      bundle version: 2011.03-2\n"
	  "                      transaction ID: b3d5dbda-8e2b\n" },
	{ &done, "short", "T: Installation b3d5dbda \"x\" succeeded\n" },
	{ &done, "json",
	  "{\"TS\":\"T\",\"MESSAGE\":\"Installation b3d5dbda \\\"x\\\" succeeded\","
	  "\"MESSAGE_ID\":\"0163\",\"PRIORITY\":\"5\",\"GLIB_DOMAIN\":\"rauc-event\","
	  "\"RAUC_EVENT_TYPE\":\"install\",\"BUNDLE_HASH\":\"19a7\","
	  "\"BUNDLE_VERSION\":\"2011.03-2\",\"TRANSACTION_ID\":\"b3d5dbda-8e2b\"}\n" },
	{ &marked, "json",
	  "{\"TS\":\"T\",\"MESSAGE\":\"Marked slot a as good\",\"PRIORITY\":\"5\","
	  "\"GLIB_DOMAIN\":\"rauc-event\",\"RAUC_EVENT_TYPE\":\"mark\",\"MESSAGE_ID\":\"3304\"}\n" },
	{ &plain, "json-pretty",
	  "{\n  \"TS\" : \"T\",\n  \"MESSAGE\" : \"Updating slot a\\u000a\",\n"
	  "  \"PRIORITY\" : \"5\",\n  \"GLIB_DOMAIN\" : \"rauc-event\",\n"
	  "  \"RAUC_EVENT_TYPE\" : \"writeslot\"\n}\n" },
};

static void test_texts(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *text = event_log_format(texts[i].event, texts[i].format, "T");

		g_assert_cmpstr(text, ==, texts[i].text);
	}
}

static char *content(const Device *device, const char *name)
{
	g_autofree char *path = g_build_filename(device->folder, "data", name, NULL);
	char *text = NULL;

	return g_file_get_contents(path, &text, NULL, NULL) ? text : NULL;
}

static void test_files(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(GError) error = NULL;
	g_autoptr(Config) config = device_config(device, NULL,
	                                         "[log.all]\nfilename=all.log\nformat=short\n"
	                                         "[log.marks]\nfilename=marks.log\nformat=short\n"
	                                         "events=mark\n"
	                                         "[log.none]\nfilename=/proc/nonexistent/x\n",
	                                         &error);
	g_assert_no_error(error);
	EventLog *log = event_log_open(config);

	event_log_write(log, &done);
	event_log_write(log, &marked);
	event_log_close(log);
	g_autofree char *all = content(device, "all.log");
	g_autofree char *marks = content(device, "marks.log");
	g_assert_nonnull(strstr(all, "succeeded\n"));
	g_assert_nonnull(strstr(all, ": Marked slot a as good\n"));
	g_assert_null(strstr(marks, "succeeded"));
	g_assert_nonnull(strstr(marks, ": Marked slot a as good\n"));
}

static void test_rotation(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(Config) config = device_config(device, NULL,
	                                         "[log.all]\nfilename=all.log\nformat=short\n"
	                                         "max-size=100\nmax-files=3\n",
	                                         NULL);
	EventLog *log = event_log_open(config);

	/* 43 bytes an event: two a file. */
	for (unsigned i = 0; i < 9; i++)
		event_log_write(log, &marked);
	event_log_close(log);
	static const struct {
		const char *name;
		size_t size; /* 0: not there */
	} files[] = {
		{ "all.log", 44 }, { "all.log.1", 88 }, { "all.log.2", 88 }, { "all.log.3", 0 }
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
		g_autofree char *text = content(device, files[i].name);

		g_assert_cmpuint(text ? strlen(text) : 0, ==, files[i].size);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	/* Warnings are what these tests are about. */
	g_log_set_always_fatal(G_LOG_FATAL_MASK);
	g_test_add_func("/system/event_log/texts", test_texts);
	g_test_add_func("/system/event_log/files", test_files);
	g_test_add_func("/system/event_log/rotation", test_rotation);
	return g_test_run();
}
