/* SPDX-License-Identifier: MIT */

#include "source/remote_plan.h"

#define GAP 16

static void add(RemotePlan *plan, uint64_t first, uint64_t end)
{
	remote_plan_add(plan, first, end, GAP);
}

static void expect(RemotePlan *plan, uint64_t first, uint64_t end)
{
	RemoteExtent extent;

	g_assert_true(remote_plan_take_next(plan, &extent));
	g_assert_cmpuint(extent.first, ==, first);
	g_assert_cmpuint(extent.end, ==, end);
}

static void expect_none(RemotePlan *plan)
{
	RemoteExtent extent;

	g_assert_false(remote_plan_take_next(plan, &extent));
}

/* In the order in which they were wanted, wherever they lie. */
static void test_turns(void)
{
	g_autoptr(GArray) plan = remote_plan_new();

	expect_none(plan);
	add(plan, 500, 600);
	add(plan, 100, 101);
	add(plan, 1000, 2000);
	expect(plan, 500, 600);
	add(plan, 0, 1);
	expect(plan, 100, 101);
	expect(plan, 1000, 2000);
	expect(plan, 0, 1);
	expect_none(plan);
}

static const struct {
	uint64_t first, end;    /* is added to 100..200 and 300..400 */
	uint64_t results[3][2]; /* by turn */
} merges[] = {
	{ 0, 83, { { 100, 200 }, { 300, 400 }, { 0, 83 } } },
	{ 0, 84, { { 0, 200 }, { 300, 400 } } },
	{ 0, 150, { { 0, 200 }, { 300, 400 } } },
	{ 120, 130, { { 100, 200 }, { 300, 400 } } },
	{ 216, 220, { { 100, 220 }, { 300, 400 } } },
	{ 217, 283, { { 100, 200 }, { 300, 400 }, { 217, 283 } } },
	{ 216, 284, { { 100, 400 } } },
	{ 250, 290, { { 100, 200 }, { 250, 400 } } },
	{ 350, 500, { { 100, 200 }, { 300, 500 } } },
	{ 416, 417, { { 100, 200 }, { 300, 417 } } },
	{ 417, 418, { { 100, 200 }, { 300, 400 }, { 417, 418 } } },
	{ 5, 1000, { { 5, 1000 } } },
};

static void test_merges(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(merges); i++) {
		g_autoptr(GArray) plan = remote_plan_new();

		g_test_message("%u", i);
		add(plan, 100, 200);
		add(plan, 300, 400);
		add(plan, merges[i].first, merges[i].end);
		for (unsigned j = 0; j < 3 && merges[i].results[j][1]; j++)
			expect(plan, merges[i].results[j][0], merges[i].results[j][1]);
		expect_none(plan);
	}
}

static void test_at(void)
{
	g_autoptr(GArray) plan = remote_plan_new();
	RemoteExtent extent;

	add(plan, 100, 200);
	add(plan, 300, 400);
	g_assert_false(remote_plan_take_at(plan, 99, 10, &extent));
	g_assert_false(remote_plan_take_at(plan, 200, 10, &extent));
	g_assert_false(remote_plan_has(plan, 400));
	g_assert_true(remote_plan_has(plan, 199));
	g_assert_true(remote_plan_take_at(plan, 310, 10, &extent));
	g_assert_cmpuint(extent.first, ==, 300);
	g_assert_cmpuint(extent.end, ==, 400);
	g_assert_true(remote_plan_take_at(plan, 150, 10, &extent));
	g_assert_cmpuint(extent.first, ==, 150);
	g_assert_cmpuint(extent.end, ==, 200);
	expect(plan, 100, 150);
	expect_none(plan);
}

static const struct {
	uint64_t first, end; /* is taken out of 100..200 and 300..400 */
	uint64_t results[4][2];
} removals[] = {
	{ 0, 100, { { 100, 200 }, { 300, 400 } } },
	{ 200, 300, { { 100, 200 }, { 300, 400 } } },
	{ 0, 101, { { 101, 200 }, { 300, 400 } } },
	{ 199, 250, { { 100, 199 }, { 300, 400 } } },
	{ 120, 130, { { 100, 120 }, { 130, 200 }, { 300, 400 } } },
	{ 150, 350, { { 100, 150 }, { 350, 400 } } },
	{ 100, 200, { { 300, 400 } } },
	{ 0, 1000, { { 0 } } },
	{ 310, 310, { { 100, 200 }, { 300, 400 } } },
};

static void test_removals(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(removals); i++) {
		g_autoptr(GArray) plan = remote_plan_new();
		unsigned n = 0;

		add(plan, 100, 200);
		add(plan, 300, 400);
		remote_plan_remove(plan, removals[i].first, removals[i].end);
		for (; n < 4 && removals[i].results[n][1]; n++) {
			const RemoteExtent *extent = &g_array_index(plan, RemoteExtent, n);

			g_assert_cmpuint(n, <, plan->len);
			g_assert_cmpuint(extent->first, ==, removals[i].results[n][0]);
			g_assert_cmpuint(extent->end, ==, removals[i].results[n][1]);
		}
		g_assert_cmpuint(plan->len, ==, n);
	}
}

/* It is a hint: no more of them than there is any use for. */
static void test_many(void)
{
	g_autoptr(GArray) plan = remote_plan_new();

	for (uint64_t i = 0; i < 10000; i++)
		add(plan, i * 100, i * 100 + 1);
	g_assert_cmpuint(plan->len, <, 5000);
	add(plan, 50, 60);
	add(plan, 0, 10000 * 100);
	expect(plan, 0, 10000 * 100);
	expect_none(plan);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/source/remote-plan/turns", test_turns);
	g_test_add_func("/source/remote-plan/merges", test_merges);
	g_test_add_func("/source/remote-plan/at", test_at);
	g_test_add_func("/source/remote-plan/removals", test_removals);
	g_test_add_func("/source/remote-plan/many", test_many);
	return g_test_run();
}
