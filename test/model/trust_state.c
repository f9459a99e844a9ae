/* SPDX-License-Identifier: MIT */

#include "model/trust_state.h"

#include <string.h>

#include "base/error.h"

static const TrustState some = { 7, 1772409600, TRUST_STATE_SIGNING, 3 };

/* The bytes are a promise to other programs; the checksum is sha256sum's. */
static const char whole[] = "moonforge-rauc trust 1\n"
			    "sequence=7\n"
			    "time-floor=1772409600\n"
			    "time-source=signing\n"
			    "security-epoch=3\n";

static char *sealed(const char *lines)
{
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_SHA256, lines, -1);

	return g_strdup_printf("%ssha256=%s\n", lines, sum);
}

static void assert_same(const TrustState *a, const TrustState *b)
{
	g_assert_cmpuint(a->sequence, ==, b->sequence);
	g_assert_cmpint(a->time_floor, ==, b->time_floor);
	g_assert_cmpint(a->time_source, ==, b->time_source);
	g_assert_cmpuint(a->security_epoch, ==, b->security_epoch);
}

static void test_bytes(void)
{
	g_autofree char *text = trust_state_format(&some);
	g_autofree char *expected = sealed(whole);

	g_assert_cmpstr(text, ==, expected);
}

static const TrustState kept[] = {
	{ 0 },
	{ 7, 1772409600, TRUST_STATE_SIGNING, 3 },
	{ 1, 1, TRUST_STATE_BUILD, 0 },
	{ G_MAXINT64, G_MAXINT64, TRUST_STATE_SYNC, G_MAXUINT32 },
};

static void test_round_trip(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(kept); i++) {
		g_autofree char *text = trust_state_format(&kept[i]);
		g_autoptr(GError) error = NULL;
		TrustState back;

		g_assert_true(trust_state_parse(text, strlen(text), &back, &error));
		g_assert_no_error(error);
		assert_same(&kept[i], &back);
		g_assert_cmpuint(strlen(text), <, TRUST_STATE_MAX);
	}
}

static bool parses(const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;
	TrustState state = some;
	bool ok = trust_state_parse(text, size, &state, &error);

	g_assert_true(ok == !error);
	if (!ok) {
		g_assert_true(g_error_matches(error, FAILURE, FAILURE_FORMAT));
		assert_same(&state, &some);
	}
	return ok;
}

/* A write that was cut anywhere, and a bit that fell over anywhere. */
static void test_damage(void)
{
	g_autofree char *text = trust_state_format(&some);
	size_t size = strlen(text);

	for (size_t i = 0; i < size; i++) {
		g_assert_false(parses(text, i));
		for (unsigned bit = 0; bit < 8; bit++) {
			text[i] = (char)(text[i] ^ (1 << bit));
			g_assert_false(parses(text, size));
			text[i] = (char)(text[i] ^ (1 << bit));
		}
	}
	g_assert_true(parses(text, size));

	g_autofree char *longer = g_strconcat(text, "\n", NULL);
	g_assert_false(parses(longer, size + 1));
	g_autofree char *padded = g_malloc0(TRUST_STATE_MAX);
	memcpy(padded, text, size);
	g_assert_false(parses(padded, TRUST_STATE_MAX));
}

/* With a checksum that is right. */
static const struct {
	const char *lines;
	bool ok;
} written[] = {
	{ "sequence=7\ntime-floor=1\ntime-source=build\nsecurity-epoch=3\n", true },
	{ "security-epoch=3\nsomething-new=x\ntime-source=build\ntime-floor=1\nsequence=7\n",
	  true },
	{ "", false },
	{ "sequence=7\ntime-floor=1\ntime-source=build\n", false },
	{ "sequence=7\ntime-floor=1\ntime-source=build\nsecurity-epoch=3\nsecurity-epoch=4\n",
	  false },
	{ "sequence=-1\ntime-floor=1\ntime-source=build\nsecurity-epoch=3\n", false },
	{ "sequence=9223372036854775808\ntime-floor=1\ntime-source=build\nsecurity-epoch=3\n",
	  false },
	{ "sequence=7\ntime-floor=-1\ntime-source=build\nsecurity-epoch=3\n", false },
	{ "sequence=7\ntime-floor=1\ntime-source=stars\nsecurity-epoch=3\n", false },
	{ "sequence=7\ntime-floor=1\ntime-source=build\nsecurity-epoch=4294967296\n", false },
	{ "sequence=7\ntime-floor=1\ntime-source=build\nsecurity-epoch=0x3\n", false },
	{ "sequence=7\ntime-floor=1\ntime-source=build\nsecurity-epoch= 3\n", false },
};

static void test_lines(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(written); i++) {
		g_autofree char *lines =
			g_strconcat("moonforge-rauc trust 1\n", written[i].lines, NULL);
		g_autofree char *text = sealed(lines);

		g_test_message("row %u", i);
		g_assert_true(parses(text, strlen(text)) == written[i].ok);
	}
	g_autofree char *joined = sealed("moonforge-rauc trust 1\nsequence=7\ntime-floor=1\n"
	                                 "time-source=build\nsecurity-epoch=3");
	g_assert_false(parses(joined, strlen(joined)));
	g_autofree char *later = sealed("moonforge-rauc trust 2\nsequence=7\n");
	g_assert_false(parses(later, strlen(later)));
}

static const struct {
	TrustState one, other, joined;
	bool has_one, has_other;
} joins[] = {
	{ { 0 }, { 0 }, { 0 }, false, false },
	{ { 7, 9, TRUST_STATE_SYNC, 3 }, { 0 }, { 7, 9, TRUST_STATE_SYNC, 3 }, true, false },
	{ { 0 }, { 7, 9, TRUST_STATE_SYNC, 3 }, { 7, 9, TRUST_STATE_SYNC, 3 }, false, true },
	{ { 7, 9, TRUST_STATE_SYNC, 3 },
	  { 8, 10, TRUST_STATE_BUILD, 4 },
	  { 8, 10, TRUST_STATE_BUILD, 4 },
	  true,
	  true },
	/* Going back was permitted: the later write counts. Time never goes back. */
	{ { 9, 9, TRUST_STATE_SYNC, 1 },
	  { 8, 10, TRUST_STATE_BUILD, 4 },
	  { 9, 10, TRUST_STATE_BUILD, 1 },
	  true,
	  true },
};

static void test_join(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(joins); i++) {
		const TrustState *one = joins[i].has_one ? &joins[i].one : NULL;
		const TrustState *other = joins[i].has_other ? &joins[i].other : NULL;
		TrustState forth = trust_state_join(one, other);
		TrustState back = trust_state_join(other, one);

		assert_same(&forth, &joins[i].joined);
		assert_same(&back, &joins[i].joined);
	}
}

static void test_raise(void)
{
	TrustState state = some;

	g_assert_false(trust_state_raise_time(&state, some.time_floor, TRUST_STATE_BUILD));
	g_assert_false(trust_state_raise_time(&state, 0, TRUST_STATE_BUILD));
	g_assert_false(trust_state_raise_epoch(&state, 3));
	g_assert_false(trust_state_raise_epoch(&state, 0));
	assert_same(&state, &some);
	g_assert_true(trust_state_raise_time(&state, some.time_floor + 1, TRUST_STATE_SYNC));
	g_assert_true(trust_state_raise_epoch(&state, 4));
	g_assert_cmpint(state.time_floor, ==, some.time_floor + 1);
	g_assert_cmpint(state.time_source, ==, TRUST_STATE_SYNC);
	g_assert_cmpuint(state.security_epoch, ==, 4);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/trust_state/bytes", test_bytes);
	g_test_add_func("/model/trust_state/round-trip", test_round_trip);
	g_test_add_func("/model/trust_state/damage", test_damage);
	g_test_add_func("/model/trust_state/lines", test_lines);
	g_test_add_func("/model/trust_state/join", test_join);
	g_test_add_func("/model/trust_state/raise", test_raise);
	return g_test_run();
}
