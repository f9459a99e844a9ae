/* SPDX-License-Identifier: MIT */

#include "model/status.h"

#include <string.h>

#include "base/error.h"

#define DIGEST "f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6"

static unsigned n_warnings;

static GLogWriterOutput count_warnings(GLogLevelFlags level, const GLogField *fields G_GNUC_UNUSED,
                                       gsize n_fields G_GNUC_UNUSED, gpointer user G_GNUC_UNUSED)
{
	n_warnings += level & G_LOG_LEVEL_WARNING ? 1 : 0;
	return G_LOG_WRITER_HANDLED;
}

/* What RAUC writes. */
static const char central[] = "[system]\n"
			      "boot-id=8f5c8f34-d092-49a5-8a65-9a5b40f33508\n"
			      "\n"
			      "[slot.rootfs.1]\n"
			      "bundle.compatible=Test Config\n"
			      "bundle.version=2011.03-2\n"
			      "bundle.description=a\\nb\n"
			      "bundle.build=7\n"
			      "bundle.hash=19a7e9cf\n"
			      "status=ok\n"
			      "sha256=" DIGEST "\n"
			      "size=65536\n"
			      "installed.transaction=373b71f6-6938-4749-9d25-02d17a1b0251\n"
			      "installed.timestamp=2026-11-22T06:54:01Z\n"
			      "installed.count=2\n"
			      "activated.timestamp=2026-11-22T06:54:02Z\n"
			      "activated.count=4294967295\n";

static StatusFile *parse(const char *text)
{
	g_autoptr(GError) error = NULL;
	StatusFile *file = status_file_parse(text, strlen(text), &error);

	g_assert_no_error(error);
	return file;
}

static void test_read(void)
{
	g_autoptr(StatusFile) file = parse(central);
	g_autoptr(SlotStatus) status = status_file_get(file, "slot.rootfs.1");
	g_autofree char *boot_id = status_file_get_boot_id(file);

	g_assert_cmpstr(boot_id, ==, "8f5c8f34-d092-49a5-8a65-9a5b40f33508");
	g_assert_cmpstr(status->bundle_compatible, ==, "Test Config");
	g_assert_cmpstr(status->bundle_version, ==, "2011.03-2");
	g_assert_cmpstr(status->bundle_description, ==, "a\nb");
	g_assert_cmpstr(status->bundle_build, ==, "7");
	g_assert_cmpstr(status->bundle_hash, ==, "19a7e9cf");
	g_assert_cmpstr(status->status, ==, "ok");
	g_assert_cmpstr(status->sha256, ==, DIGEST);
	g_assert_cmpuint(status->size, ==, 65536);
	g_assert_cmpstr(status->installed_transaction, ==, "373b71f6-6938-4749-9d25-02d17a1b0251");
	g_assert_cmpstr(status->installed_timestamp, ==, "2026-11-22T06:54:01Z");
	g_assert_cmpuint(status->installed_count, ==, 2);
	g_assert_cmpstr(status->activated_timestamp, ==, "2026-11-22T06:54:02Z");
	g_assert_cmpuint(status->activated_count, ==, G_MAXUINT32);
	g_assert_cmpuint(n_warnings, ==, 0);
}

/* Reading and writing changes no byte. */
static void test_round_trip(void)
{
	g_autoptr(StatusFile) file = parse(central);
	g_autoptr(SlotStatus) status = status_file_get(file, "slot.rootfs.1");
	g_autoptr(SlotStatus) copy = slot_status_copy(status);

	status_file_set(file, "slot.rootfs.1", copy);
	g_autofree char *text = status_file_format(file);
	g_assert_cmpstr(text, ==, central);
}

/* What RAUC does not know, in every form it is kept. */
static void test_ours(void)
{
	static const char text[] = "[slot]\nbundle.hash=19a7e9cf\nstatus=ok\n"
				   "bundle.security-epoch=1\n"
				   "bundle.security-epoch-from=4294967295\n"
				   "bundle.signing-time=2026-11-22T06:54:01Z\n"
				   "bundle.signed-until=2036-01-01T00:00:00Z\n";
	g_autoptr(StatusFile) file = parse(text);
	g_autoptr(SlotStatus) status = status_file_get(file, "slot");
	g_autoptr(SlotStatus) copy = slot_status_copy(status);

	g_assert_cmpuint(copy->bundle_epoch, ==, 1);
	g_assert_cmpuint(copy->bundle_epoch_from, ==, G_MAXUINT32);
	g_assert_cmpstr(copy->bundle_signing_time, ==, "2026-11-22T06:54:01Z");
	g_assert_cmpstr(copy->bundle_signed_until, ==, "2036-01-01T00:00:00Z");
	status_file_set(file, "slot", copy);
	g_autofree char *again = status_file_format(file);
	g_assert_cmpstr(again, ==, text);
	slot_status_reset(copy);
	g_assert_true(slot_status_is_empty(copy));
}

static void test_foreign_groups(void)
{
	g_autoptr(StatusFile) file = parse("[other]\nk=v\n\n[slot.a.0]\nstatus=failed\n"
	                                   "status=ok\nunknown=x\n\n[slot.b.0]\nstatus=ok\n");
	g_autoptr(SlotStatus) a = status_file_get(file, "slot.a.0");
	g_autoptr(SlotStatus) none = slot_status_new();

	status_file_set(file, "slot.a.0", a);
	status_file_set(file, "slot.b.0", none);
	status_file_set(file, "slot.c.0", none);
	status_file_set_boot_id(file, "id");
	g_autofree char *text = status_file_format(file);
	g_assert_cmpstr(text, ==,
	                "[other]\nk=v\n\n[slot.a.0]\nstatus=ok\n\n[system]\nboot-id=id\n");
}

static void test_missing(void)
{
	g_autoptr(StatusFile) file = status_file_new();
	g_autoptr(StatusFile) empty = parse("");
	g_autoptr(SlotStatus) status = status_file_get(file, "slot.rootfs.0");
	g_autofree char *text = status_file_format(empty);

	g_assert_true(slot_status_is_empty(status));
	g_assert_null(status_file_get_boot_id(file));
	g_assert_cmpstr(text, ==, "");
	g_assert_cmpuint(n_warnings, ==, 0);
}

/* A damaged value is nothing, said once; whether the rest is kept shows in `status`. */
static const char *const damaged[] = {
	"size=12x",
	"size=-1",
	"size=18446744073709551616",
	"installed.count=4294967296",
	"bundle.security-epoch=4294967296",
	"bundle.security-epoch=-1",
	"bundle.signing-time=never",
	"activated.count=many",
	"installed.timestamp=yesterday",
	"activated.timestamp=2026-13-01T00:00:00Z",
	"bundle.version=\\q",
	"sha256=../../etc",
};

static void test_lenient(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(damaged); i++) {
		g_autofree char *text =
			g_strdup_printf("[slot]\n%s\nstatus=ok\nbundle.build=\n", damaged[i]);
		g_autoptr(StatusFile) file = parse(text);

		n_warnings = 0;
		g_autoptr(SlotStatus) status = status_file_get(file, "slot");
		g_test_message("%s", damaged[i]);
		g_assert_cmpuint(n_warnings, ==, 1);
		g_assert_cmpstr(status->status, ==, "ok");
		g_clear_pointer(&status->status, g_free);
		g_assert_true(slot_status_is_empty(status));
		g_assert_cmpuint(status->size, ==, 0);
	}
	n_warnings = 0;
}

static const struct {
	const char *written, *read;
} times[] = {
	{ "2026-11-22T06:54:01Z", "2026-11-22T06:54:01Z" },
	{ "2026-11-22T06:54:01+0100", "2026-11-22T05:54:01Z" },
	{ "2026-11-22T06:54:01", "2026-11-22T06:54:01Z" },
	{ "20261122T065401Z", "2026-11-22T06:54:01Z" },
	{ "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z" },
};

static void test_times(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(times); i++) {
		g_autofree char *text =
			g_strdup_printf("[slot]\ninstalled.timestamp=%s\n", times[i].written);
		g_autoptr(StatusFile) file = parse(text);
		g_autoptr(SlotStatus) status = status_file_get(file, "slot");

		g_assert_cmpstr(status->installed_timestamp, ==, times[i].read);
	}
}

static void test_refused(void)
{
	static const struct {
		const char *text;
		size_t size;
	} refused[] = {
		{ "nonsense", 8 }, { "k=v\n", 4 }, { "[a]\nk=\xff\n", 8 }, { "\0\0\0", 3 }
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(status_file_parse(refused[i].text, refused[i].size, &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
	}
}

static void test_reset(void)
{
	g_autoptr(StatusFile) file = parse(central);
	g_autoptr(SlotStatus) status = status_file_get(file, "slot.rootfs.1");

	slot_status_reset(status);
	g_assert_null(status->bundle_version);
	g_assert_null(status->installed_timestamp);
	g_assert_null(status->activated_timestamp);
	g_assert_cmpuint(status->size, ==, 0);
	g_assert_cmpuint(status->installed_count, ==, 2);
	g_assert_cmpuint(status->activated_count, ==, G_MAXUINT32);
	g_assert_false(slot_status_is_empty(status));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_log_set_writer_func(count_warnings, NULL, NULL);
	g_test_add_func("/model/status/read", test_read);
	g_test_add_func("/model/status/round-trip", test_round_trip);
	g_test_add_func("/model/status/ours", test_ours);
	g_test_add_func("/model/status/foreign-groups", test_foreign_groups);
	g_test_add_func("/model/status/missing", test_missing);
	g_test_add_func("/model/status/lenient", test_lenient);
	g_test_add_func("/model/status/times", test_times);
	g_test_add_func("/model/status/refused", test_refused);
	g_test_add_func("/model/status/reset", test_reset);
	return g_test_run();
}
