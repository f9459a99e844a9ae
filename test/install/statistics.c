/* SPDX-License-Identifier: MIT */

#include "install/statistics.h"

#include <string.h>

static const struct {
	InstallStatistics statistics;
	const char *text;
} texts[] = {
	{ { 0 }, "" },
	{ { .written = 999 }, "wrote 999 bytes" },
	{ { .written = 1000 }, "wrote 1.0 kB" },
	{ { .written = 999949 }, "wrote 999.9 kB" },
	{ { .written = 999950 }, "wrote 1.0 MB" },
	{ { .written = UINT64_MAX }, "wrote 18.4 EB" },
	{ { .bundle_size = 210000000, .fetched = 12345678, .requests = 9 },
	  "fetched 12.3 MB of 210.0 MB in 9 requests" },
	{ { .bundle_size = 5000, .fetched = 0, .requests = 1, .retries = 1, .waited_ms = 999 },
	  "fetched 0 bytes of 5.0 kB in 1 request (1 retry)" },
	{ { .requests = 4, .retries = 3, .waited_ms = 61999 },
	  "fetched 0 bytes in 4 requests (3 retries); waited 61 s for the network" },
	{ { .bundle_size = 210000000,
	    .fetched = 30000000,
	    .requests = 9,
	    .waited_ms = 3000,
	    .written = 40000000,
	    .in_place = 160000000,
	    .zero = 9000000,
	    .n_seeds = 2,
	    .seeds = { { "slot rootfs.0", 179000000 }, { "earlier attempt", 1100000 } } },
	  "fetched 30.0 MB of 210.0 MB in 9 requests, reused 180.1 MB (slot rootfs.0 179.0 MB, "
	  "earlier attempt 1.1 MB), wrote 40.0 MB, left 160.0 MB in place, left out 9.0 MB of zeroes; "
	  "waited 3 s for the network" },
};

static void test_describe(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
		g_autofree char *text = statistics_describe(&texts[i].statistics);

		g_assert_cmpstr(text, ==, texts[i].text);
	}
}

static void test_rows(void)
{
	InstallStatistics before = { 0 }, after = { 0 };
	StatisticsRow rows[STATISTICS_ROWS];

	statistics_rows(&before, rows);
	for (unsigned i = 0; i < STATISTICS_ROWS; i++)
		g_assert_true(statistics_set(&before, rows[i].name, i + 1));
	statistics_rows(&before, rows);
	for (unsigned i = 0; i < STATISTICS_ROWS; i++) {
		g_assert_cmpuint(rows[i].value, ==, i + 1);
		g_assert_true(statistics_set(&after, rows[i].name, rows[i].value));
	}
	g_assert_cmpmem(&before, sizeof(before), &after, sizeof(after));
	g_assert_false(statistics_set(&after, "bytes", 1));
}

static void test_jobs(void)
{
	InstallStatistics sum = { 0 };
	WriterJob job = { .n_written = 1,
		          .n_punched = 20,
		          .n_in_place = 300,
		          .n_seeds = 2,
		          .seeds = { { "slot a.0", 5 }, { "nothing", 0 } } };

	statistics_add_job(&sum, &job);
	statistics_add_job(&sum, &job);
	g_assert_cmpuint(sum.written, ==, 2);
	g_assert_cmpuint(sum.zero, ==, 40);
	g_assert_cmpuint(sum.in_place, ==, 600);
	g_assert_cmpuint(sum.n_seeds, ==, 1);
	g_assert_cmpuint(sum.seeds[0].bytes, ==, 10);
}

/* However many there are, no byte is forgotten. */
static void test_many_seeds(void)
{
	InstallStatistics sum = { 0 };
	uint64_t total = 0;

	for (unsigned i = 0; i < 3 * WRITER_MOST_SEEDS; i++) {
		g_autofree char *name =
			g_strdup_printf("slot %u with a name that is far too long", i);

		statistics_add_seed(&sum, name, 3);
		statistics_add_seed(&sum, name, 4);
	}
	g_assert_cmpuint(sum.n_seeds, ==, WRITER_MOST_SEEDS);
	g_assert_cmpstr(sum.seeds[WRITER_MOST_SEEDS - 1].name, ==, "others");
	for (unsigned i = 0; i < sum.n_seeds; i++)
		total += sum.seeds[i].bytes;
	g_assert_cmpuint(total, ==, 21 * WRITER_MOST_SEEDS);
}

static char *print_fields(const InstallStatistics *statistics)
{
	GString *all = g_string_new(NULL);
	GStringChunk *chunk = g_string_chunk_new(64);
	GArray *fields = g_array_new(FALSE, FALSE, sizeof(EventField));

	statistics_add_fields(statistics, fields, chunk);
	for (unsigned i = 0; i < fields->len; i++) {
		const EventField *field = &g_array_index(fields, EventField, i);

		g_string_append_printf(all, "%s=%s\n", field->key, field->value);
	}
	g_array_unref(fields);
	g_string_chunk_free(chunk);
	return g_string_free(all, FALSE);
}

static void test_fields(void)
{
	InstallStatistics statistics = { .written = 5000, .zero = 7 };
	g_autofree char *plain = print_fields(&statistics);

	g_assert_cmpstr(plain, ==, "");
	statistics_add_seed(&statistics, "slot a.0", 3);
	statistics_add_seed(&statistics, "slot b.0", 4);
	g_autofree char *text = print_fields(&statistics);
	g_assert_cmpstr(
		text, ==,
		"RAUC_STATISTICS=reused 7 bytes (slot a.0 3 bytes, slot b.0 4 bytes), wrote "
		"5.0 kB, left out 7 bytes of zeroes\n"
		"RAUC_BUNDLE_SIZE=0\nRAUC_BYTES_FETCHED=0\nRAUC_REQUESTS=0\n"
		"RAUC_RETRIES=0\nRAUC_WAITED_MS=0\nRAUC_BYTES_WRITTEN=5000\n"
		"RAUC_BYTES_IN_PLACE=0\nRAUC_BYTES_ZERO=7\n"
		"RAUC_SEEDS=slot a.0=3, slot b.0=4\n");
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/install/statistics/describe", test_describe);
	g_test_add_func("/install/statistics/rows", test_rows);
	g_test_add_func("/install/statistics/jobs", test_jobs);
	g_test_add_func("/install/statistics/many-seeds", test_many_seeds);
	g_test_add_func("/install/statistics/fields", test_fields);
	return g_test_run();
}
