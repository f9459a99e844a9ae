/* SPDX-License-Identifier: MIT */

#include "base/pool.h"

#include "base/error.h"

typedef struct {
	uint64_t expected;     /* next item to be consumed */
	uint64_t fail_produce; /* G_MAXUINT64: never */
	uint64_t fail_consume;
	unsigned n_alive, most_alive;
} Count;

static void *produce(void *user, uint64_t item, GError **error)
{
	Count *count = user;

	if (item == count->fail_produce)
		return fail_null(error, FAILURE_IO, "item %u", (unsigned)item);
	unsigned alive = (unsigned)g_atomic_int_add((gint *)&count->n_alive, 1) + 1;
	count->most_alive = MAX(count->most_alive, alive);
	if (item % 7 == 0)
		g_usleep(100);

	uint64_t *made = g_new(uint64_t, 1);
	*made = item;
	return made;
}

static void discard(void *user, void *made)
{
	Count *count = user;

	g_atomic_int_add((gint *)&count->n_alive, -1);
	g_free(made);
}

static bool consume(void *user, uint64_t item, void *made, GError **error)
{
	Count *count = user;

	g_assert_cmpuint(*(uint64_t *)made, ==, item);
	g_assert_cmpuint(item, ==, count->expected);
	count->expected++;
	discard(user, made);
	if (item == count->fail_consume)
		return fail(error, FAILURE_IO, "consumer at %u", (unsigned)item);
	return true;
}

static const PoolWork work = { produce, consume, discard };

static const struct {
	unsigned workers, depth;
	uint64_t count, fail_produce, fail_consume;
	const char *message;
} runs[] = {
	{ 0, 1, 0, G_MAXUINT64, G_MAXUINT64, NULL },
	{ 0, 1, 50, G_MAXUINT64, G_MAXUINT64, NULL },
	{ 1, 1, 50, G_MAXUINT64, G_MAXUINT64, NULL },
	{ 2, 4, 500, G_MAXUINT64, G_MAXUINT64, NULL },
	{ 8, 3, 500, G_MAXUINT64, G_MAXUINT64, NULL },
	{ 8, 16, 3, G_MAXUINT64, G_MAXUINT64, NULL },
	{ 0, 1, 50, 20, G_MAXUINT64, "item 20" },
	{ 4, 8, 500, 0, G_MAXUINT64, "item 0" },
	{ 4, 8, 500, 499, G_MAXUINT64, "item 499" },
	{ 4, 8, 500, G_MAXUINT64, 100, "consumer at 100" },
	{ 4, 8, 500, 101, 100, "consumer at 100" },
	{ 4, 8, 500, 99, 100, "item 99" },
};

static void test_runs(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(runs); i++) {
		g_autoptr(Pool) pool = pool_new(runs[i].workers, runs[i].depth);
		Count count = { .fail_produce = runs[i].fail_produce,
			        .fail_consume = runs[i].fail_consume };
		g_autoptr(GError) error = NULL;

		bool ok = pool_run(pool, runs[i].count, &work, &count, &error);
		g_assert_cmpstr(error ? error->message : NULL, ==, runs[i].message);
		g_assert_true(ok == !error);
		g_assert_cmpuint(count.n_alive, ==, 0);
		g_assert_cmpuint(count.most_alive, <=, pool_depth(pool) + 1);
		if (ok)
			g_assert_cmpuint(count.expected, ==, runs[i].count);
	}
}

static bool consume_until(void *user, uint64_t item, void *made, GError **error)
{
	Cancel *cancel = user;

	g_free(made);
	g_assert_no_error(*error);
	g_assert_cmpuint(item, <=, 30);
	return item != 30 || cancel_ask(cancel, "by the consumer");
}

static void *make_one(void *user G_GNUC_UNUSED, uint64_t item G_GNUC_UNUSED,
                      GError **error G_GNUC_UNUSED)
{
	return g_malloc(1);
}

static void drop_one(void *user G_GNUC_UNUSED, void *made)
{
	g_free(made);
}

static void test_cancelled(void)
{
	static const PoolWork until = { make_one, consume_until, drop_one };

	for (unsigned workers = 0; workers < 4; workers++) {
		g_autoptr(Pool) pool = pool_new(workers, 4);
		g_autoptr(Cancel) cancel = cancel_new();
		g_autoptr(GError) error = NULL, at_once = NULL;

		g_assert_null(pool_cancel(pool));
		pool_heed(pool, cancel);
		g_assert_true(pool_cancel(pool) == cancel);
		g_assert_false(pool_run(pool, 500, &until, cancel, &error));
		g_assert_error(error, FAILURE, FAILURE_CANCELLED);
		g_assert_cmpstr(error->message, ==, "cancelled by the consumer");
		g_assert_false(pool_run(pool, 1, &until, cancel, &at_once));
		g_assert_error(at_once, FAILURE, FAILURE_CANCELLED);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/pool/runs", test_runs);
	g_test_add_func("/base/pool/cancelled", test_cancelled);
	return g_test_run();
}
