/* SPDX-License-Identifier: MIT */

#include "fetch/policy.h"

#include "base/wire.h"

static const struct {
	CURLcode code;
	long http;
	bool is_stalled, is_final;
	Failure why;
} rows[] = {
	/* worth waiting for */
	{ CURLE_COULDNT_RESOLVE_HOST, 0, false, false, FAILURE_NETWORK },
	{ CURLE_COULDNT_RESOLVE_PROXY, 0, false, false, FAILURE_NETWORK },
	{ CURLE_COULDNT_CONNECT, 0, false, false, FAILURE_NETWORK },
	{ CURLE_OPERATION_TIMEDOUT, 0, false, false, FAILURE_NETWORK },
	{ CURLE_SSL_CONNECT_ERROR, 0, false, false, FAILURE_NETWORK },
	{ CURLE_GOT_NOTHING, 0, false, false, FAILURE_NETWORK },
	{ CURLE_RECV_ERROR, 206, false, false, FAILURE_NETWORK },
	{ CURLE_SEND_ERROR, 0, false, false, FAILURE_NETWORK },
	{ CURLE_PARTIAL_FILE, 206, false, false, FAILURE_NETWORK },
	{ CURLE_HTTP2, 0, false, false, FAILURE_NETWORK },
	{ CURLE_HTTP2_STREAM, 206, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 0, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 206, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 408, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 425, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 429, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 500, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 502, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 503, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 504, false, false, FAILURE_NETWORK },
	{ CURLE_OK, 404, true, false, FAILURE_NETWORK },
	{ CURLE_UNSUPPORTED_PROTOCOL, 0, false, false, FAILURE_NETWORK }, /* no HTTP at all */
	{ CURLE_WEIRD_SERVER_REPLY, 0, false, false, FAILURE_NETWORK },
	/* not */
	{ CURLE_OK, 200, false, true, FAILURE_UNSUPPORTED },
	{ CURLE_OK, 204, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 302, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 304, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 400, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 401, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 403, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 404, false, true, FAILURE_NOT_FOUND },
	{ CURLE_OK, 410, false, true, FAILURE_NOT_FOUND },
	{ CURLE_OK, 412, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 416, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 501, false, true, FAILURE_NETWORK },
	{ CURLE_OK, 505, false, true, FAILURE_NETWORK },
	{ CURLE_PEER_FAILED_VERIFICATION, 0, false, true, FAILURE_NETWORK },
	{ CURLE_SSL_CACERT_BADFILE, 0, false, true, FAILURE_CONFIG },
	{ CURLE_SSL_CERTPROBLEM, 0, false, true, FAILURE_CONFIG },
	{ CURLE_URL_MALFORMAT, 0, false, true, FAILURE_USAGE },
	{ CURLE_NOT_BUILT_IN, 0, false, true, FAILURE_UNSUPPORTED },
};

static void test_final(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		PolicyOutcome outcome = { rows[i].code, rows[i].http, rows[i].is_stalled };
		Failure why;

		g_test_message("curl %d, HTTP %ld", (int)rows[i].code, rows[i].http);
		g_assert_true(policy_is_final(&outcome, &why) == rows[i].is_final);
		g_assert_cmpint(why, ==, rows[i].why);
	}
}

/* Whatever the dice say, within bounds; and they do say something. */
static void test_delay(void)
{
	const struct {
		unsigned attempt;
		int64_t wait;
		uint64_t least, most;
	} delays[] = {
		{ 0, -1, 500, 1000 },
		{ 1, -1, 500, 1000 },
		{ 2, -1, 1000, 2000 },
		{ 3, -1, 2000, 4000 },
		{ 4, -1, 4000, 8000 },
		{ 6, -1, 16000, 32000 },
		{ 7, -1, 30000, 60000 },
		{ 1000, -1, 30000, 60000 },
		{ G_MAXUINT, -1, 30000, 60000 },
		{ 1, 0, 500, 1500 },
		{ 1, 30, 30000, 30500 },
		{ 1, 300, 300000, 300500 },
		{ 1, G_MAXINT32, 3600000, 3600500 },
	};
	Policy policy;

	policy_parse(&policy, "", 0);
	for (unsigned i = 0; i < G_N_ELEMENTS(delays); i++) {
		uint64_t least = G_MAXUINT64, most = 0;

		for (uint32_t n = 0; n < 100000; n++) {
			uint64_t delay = policy_delay(&policy, delays[i].attempt, delays[i].wait,
			                              n * 2654435761U);

			least = MIN(least, delay);
			most = MAX(most, delay);
		}
		g_assert_cmpuint(least, >=, delays[i].least);
		g_assert_cmpuint(most, <=, delays[i].most);
		g_assert_cmpuint(most - least, >, 400);
	}
}

static void test_parse(void)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	Policy policy;

	policy_parse(&policy, NULL, 0);
	g_assert_cmpuint(policy.stall_sec, ==, 20);
	g_assert_cmpuint(policy.connect_sec, ==, 20);
	g_assert_cmpuint(policy.retry_max_sec, ==, 60);
	g_assert_cmpuint(policy.deadline_sec, ==, 0);
	g_assert_cmpuint(policy.open_tries, ==, 5);
	g_assert_cmpuint(policy.connections, ==, 4);
	g_assert_cmpuint(policy.rate_limit, ==, 0);
	wire_add(words, "stall-sec", "7");
	wire_add(words, "connect-sec", "many");
	wire_add_number(words, "retry-max-sec", G_MAXUINT64);
	wire_add_number(words, "deadline-sec", G_MAXUINT64);
	wire_add_number(words, "connections", 1000);
	wire_add_number(words, "open-tries", 1);
	wire_add_number(words, "rate-limit", G_MAXUINT64);
	policy_parse(&policy, words->data, words->len);
	g_assert_cmpuint(policy.stall_sec, ==, 7);
	g_assert_cmpuint(policy.connect_sec, ==, 20);
	g_assert_cmpuint(policy.retry_max_sec, ==, 86400);
	g_assert_cmpuint(policy.deadline_sec, ==, G_MAXINT32);
	g_assert_cmpuint(policy.connections, ==, 16);
	g_assert_cmpuint(policy.open_tries, ==, 1);
	g_assert_cmpuint(policy.rate_limit, ==, (uint64_t)1 << 40);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/policy/final", test_final);
	g_test_add_func("/policy/delay", test_delay);
	g_test_add_func("/policy/parse", test_parse);
	return g_test_run();
}
