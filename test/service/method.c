/* SPDX-License-Identifier: MIT */

/* The methods without a bus. */

#include "service/method.h"

#include "base/error.h"
#include "bundle/maker.h"
#include "system/device.h"

static Maker *maker;
static char *path;

static GVariant *call(System *system, const char *name, const char *parameters, GError **error)
{
	g_autoptr(GVariant) value = g_variant_parse(NULL, parameters, NULL, NULL, NULL);
	GVariant *reply = method_find(name)(system, value, error);

	return reply ? g_variant_ref_sink(reply) : NULL;
}

static void test_calls(void)
{
	static const struct {
		const char *name, *parameters;
		const char *reply; /* printed, or the message of the error */
	} rows[] = {
		{ "GetPrimary", "()", "('rootfs.0',)" },
		{ "Mark", "('good', 'other')", "('rootfs.1', 'marked slot(s) rootfs.1 as good')" },
		{ "Mark", "('active', 'rootfs.1')",
		  "('rootfs.1', 'marked slot(s) rootfs.1 as active')" },
		{ "GetPrimary", "()", "('rootfs.1',)" },
		{ "Mark", "('', 'booted')", "unknown subcommand " },
		{ "Mark", "('good', '')", "Invalid slot name format: ''" },
		{ "GetArtifactStatus", "()", "(@aa{sv} [],)" },
		{ "GetTrustStatus", "()", "({'security-epoch': <uint32 0>, 'kept': <true>},)" },
		{ "InspectBundle", "('/x', {'transaction-id': <'t'>})",
		  "Unsupported key: transaction-id" },
	};
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(GVariant) reply = call(system, rows[i].name, rows[i].parameters, &error);
		g_autofree char *text = reply ? g_variant_print(reply, TRUE) : NULL;

		g_assert_cmpstr(text ? text : error->message, ==, rows[i].reply);
	}
	g_assert_null(method_find("Install"));
	g_assert_null(method_find("InstallBundle"));
}

/* What another process has written since is seen; its lock is respected. */
static void test_others(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, NULL, NULL, NULL);
	g_autoptr(System) other = device_open(device, NULL, NULL, NULL);
	SlotStatus status = { .status = (char *)"pending" };
	g_autoptr(GError) error = NULL;

	g_assert_true(system_lock(other, NULL));
	g_assert_true(
		system_save_status(other, system_config(other)->slots->pdata[1], &status, NULL));
	g_autoptr(GVariant) reply = call(system, "GetSlotStatus", "()", NULL);
	g_autofree char *text = g_variant_print(reply, FALSE);
	g_assert_nonnull(g_strrstr(text, "'status': <'pending'>"));
	g_assert_null(call(system, "Mark", "('good', 'booted')", &error));
	g_assert_error(error, FAILURE, FAILURE_BUSY);
	system_unlock(other);
	g_autoptr(GVariant) marked = call(system, "Mark", "('good', 'booted')", NULL);
	g_assert_nonnull(marked);
	g_assert_true(system_lock(other, NULL));
}

static void test_bundle(void)
{
	g_autoptr(Device) device = device_new();
	g_autoptr(System) system = device_open(device, maker->cert, NULL, NULL);
	g_autoptr(System) trusts_nobody = device_open(device, NULL, NULL, NULL);
	g_autofree char *quoted = g_strdup_printf("('%s',)", path);
	g_autofree char *with_options = g_strdup_printf("('%s', @a{sv} {})", path);
	g_autoptr(GError) error = NULL;

	g_autoptr(GVariant) info = call(system, "Info", quoted, &error);
	g_assert_no_error(error);
	g_autofree char *text = g_variant_print(info, TRUE);
	g_assert_cmpstr(text, ==, "('Test', '')");
	g_autoptr(GVariant) reply = call(system, "InspectBundle", with_options, &error);
	g_assert_no_error(error);
	g_assert_cmpstr(g_variant_get_type_string(reply), ==, "(a{sv})");
	g_assert_null(call(trusts_nobody, "Info", quoted, &error));
	g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	maker = maker_new();
	g_autofree char *content = maker_content(maker, "in",
	                                         "[update]\ncompatible=Test\n"
	                                         "[bundle]\nformat=verity\n"
	                                         "[image.rootfs]\nfilename=r.img\n");
	g_bytes_unref(maker_image(content, "r.img", 10000, 1));
	path = maker_bundle(maker, content, "x.raucb", NULL);
	g_test_add_func("/method/calls", test_calls);
	g_test_add_func("/method/others", test_others);
	g_test_add_func("/method/bundle", test_bundle);
	int code = g_test_run();
	g_free(path);
	maker_free(maker);
	return code;
}
