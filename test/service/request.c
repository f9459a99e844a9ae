/* SPDX-License-Identifier: MIT */

#include "service/request.h"

#include "base/error.h"

static Request *make(RequestKind kind, const char *text, GError **error)
{
	g_autoptr(GVariant) options =
		g_variant_parse(G_VARIANT_TYPE_VARDICT, text, NULL, NULL, NULL);

	g_assert_nonnull(options);
	return request_new(kind, "/x", options, error);
}

static void test_all(void)
{
	g_autoptr(Request) request =
		make(REQUEST_INSTALL,
	             "{'ignore-compatible': <true>, 'ignore-version-limit': <true>, "
	             "'transaction-id': <'t'>, 'require-manifest-hash': <'h'>, "
	             "'tls-cert': <'c'>, 'tls-key': <'k'>, 'tls-ca': <'a'>, "
	             "'tls-no-verify': <true>, 'http-headers': <['X: 1', 'Y: 2']>}",
	             NULL);

	g_assert_nonnull(request);
	g_assert_cmpstr(request->source, ==, "/x");
	g_assert_true(request->ignore_compatible && request->ignore_version_limit);
	g_assert_true(request->tls_no_verify);
	g_assert_cmpstr(request->transaction, ==, "t");
	g_assert_cmpstr(request->manifest_hash, ==, "h");
	g_assert_cmpstr(request->tls_cert, ==, "c");
	g_assert_cmpstr(request->tls_key, ==, "k");
	g_assert_cmpstr(request->tls_ca, ==, "a");
	g_assert_cmpuint(g_strv_length(request->http_headers), ==, 2);
	g_assert_cmpstr(request->http_headers[1], ==, "Y: 2");
}

static void test_none(void)
{
	g_autoptr(Request) request = request_new(REQUEST_INSTALL, "/x", NULL, NULL);
	g_autoptr(Request) empty = make(REQUEST_INSPECT, "@a{sv} {}", NULL);

	g_assert_null(request->transaction);
	g_assert_false(request->ignore_compatible);
	g_assert_nonnull(empty);
}

/* D-Bus allows a key twice: the last one counts, nothing is lost. */
static void test_twice(void)
{
	GVariantBuilder builder;

	g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
	g_variant_builder_add(&builder, "{sv}", "tls-ca", g_variant_new_string("1"));
	g_variant_builder_add(&builder, "{sv}", "tls-ca", g_variant_new_string("2"));
	g_autoptr(GVariant) options = g_variant_ref_sink(g_variant_builder_end(&builder));
	g_autoptr(Request) request = request_new(REQUEST_INSPECT, "/x", options, NULL);

	g_assert_cmpstr(request->tls_ca, ==, "2");
}

static void test_refused(void)
{
	static const struct {
		RequestKind kind;
		const char *options, *key;
	} rows[] = {
		{ REQUEST_INSTALL, "{'x': <1>}", "x" },
		{ REQUEST_INSTALL, "{'': <1>}", "" },
		{ REQUEST_INSTALL, "{'ignore-compatible': <'true'>}", "ignore-compatible" },
		{ REQUEST_INSTALL, "{'transaction-id': <1>}", "transaction-id" },
		{ REQUEST_INSTALL, "{'transaction-id': <<'t'>>}", "transaction-id" },
		{ REQUEST_INSTALL, "{'http-headers': <'X: 1'>}", "http-headers" },
		{ REQUEST_INSPECT, "{'ignore-compatible': <true>}", "ignore-compatible" },
		{ REQUEST_INSPECT, "{'transaction-id': <'t'>}", "transaction-id" },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_autoptr(GError) error = NULL;
		g_autofree char *expected = g_strconcat("Unsupported key: ", rows[i].key, NULL);

		g_assert_null(make(rows[i].kind, rows[i].options, &error));
		g_assert_error(error, FAILURE, FAILURE_USAGE);
		g_assert_cmpstr(error->message, ==, expected);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/request/all", test_all);
	g_test_add_func("/request/none", test_none);
	g_test_add_func("/request/twice", test_twice);
	g_test_add_func("/request/refused", test_refused);
	return g_test_run();
}
