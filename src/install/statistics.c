/* SPDX-License-Identifier: MIT */

#include "install/statistics.h"

#include <stddef.h>
#include <string.h>

#define OTHERS "others"

static const struct {
	const char *name;
	size_t offset;
} table[STATISTICS_ROWS] = {
	{ "bundle-size", offsetof(InstallStatistics, bundle_size) },
	{ "bytes-fetched", offsetof(InstallStatistics, fetched) },
	{ "requests", offsetof(InstallStatistics, requests) },
	{ "retries", offsetof(InstallStatistics, retries) },
	{ "waited-ms", offsetof(InstallStatistics, waited_ms) },
	{ "bytes-written", offsetof(InstallStatistics, written) },
	{ "bytes-in-place", offsetof(InstallStatistics, in_place) },
	{ "bytes-zero", offsetof(InstallStatistics, zero) },
};

void statistics_rows(const InstallStatistics *statistics, StatisticsRow rows[STATISTICS_ROWS])
{
	for (unsigned i = 0; i < STATISTICS_ROWS; i++) {
		const char *at = (const char *)statistics + table[i].offset;

		rows[i] = (StatisticsRow){ table[i].name, *(const uint64_t *)(const void *)at };
	}
}

bool statistics_is_plain(const InstallStatistics *statistics)
{
	return !statistics->requests && !statistics->bundle_size && !statistics->in_place &&
	       !statistics->n_seeds;
}

static void add_field(GArray *fields, GStringChunk *texts, const char *name, const char *value)
{
	g_autofree char *upper = g_ascii_strup(name, -1);
	g_autofree char *key = g_strconcat("RAUC_", g_strdelimit(upper, "-", '_'), NULL);
	EventField field = { g_string_chunk_insert_const(texts, key),
		             g_string_chunk_insert_const(texts, value) };

	g_array_append_val(fields, field);
}

void statistics_add_fields(const InstallStatistics *statistics, GArray *fields, GStringChunk *texts)
{
	g_autofree char *summary = statistics_describe(statistics);
	g_autoptr(GString) seeds = g_string_new(NULL);
	StatisticsRow rows[STATISTICS_ROWS];

	if (statistics_is_plain(statistics))
		return;
	add_field(fields, texts, "statistics", summary);
	statistics_rows(statistics, rows);
	for (unsigned i = 0; i < STATISTICS_ROWS; i++) {
		g_autofree char *value = g_strdup_printf("%" G_GUINT64_FORMAT, rows[i].value);

		add_field(fields, texts, rows[i].name, value);
	}
	for (unsigned i = 0; i < statistics->n_seeds; i++)
		g_string_append_printf(seeds, "%s%s=%" G_GUINT64_FORMAT, i ? ", " : "",
		                       statistics->seeds[i].name, statistics->seeds[i].bytes);
	if (seeds->len)
		add_field(fields, texts, "seeds", seeds->str);
}

bool statistics_set(InstallStatistics *statistics, const char *name, uint64_t value)
{
	for (unsigned i = 0; i < STATISTICS_ROWS; i++) {
		if (!g_str_equal(table[i].name, name))
			continue;
		*(uint64_t *)(void *)((char *)statistics + table[i].offset) = value;
		return true;
	}
	return false;
}

void statistics_add_seed(InstallStatistics *statistics, const char *name, uint64_t bytes)
{
	const unsigned last = WRITER_MOST_SEEDS - 1;
	unsigned i = 0;

	if (!bytes)
		return;
	while (i < MIN(statistics->n_seeds, last) && !g_str_equal(statistics->seeds[i].name, name))
		i++;
	WriterSeed *seed = &statistics->seeds[i];
	g_strlcpy(seed->name, i < last ? name : OTHERS, sizeof(seed->name));
	seed->bytes += bytes;
	statistics->n_seeds = MAX(statistics->n_seeds, i + 1);
}

void statistics_add_job(InstallStatistics *statistics, const WriterJob *job)
{
	statistics->written += job->n_written;
	statistics->in_place += job->n_in_place;
	statistics->zero += job->n_punched;
	for (unsigned i = 0; i < job->n_seeds; i++)
		statistics_add_seed(statistics, job->seeds[i].name, job->seeds[i].bytes);
}

/* Its own format: GLib's depends on the language. */
static void append_size(GString *to, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	double value = (double)bytes / 1000;
	unsigned i = 0;

	if (bytes < 1000) {
		g_string_append_printf(to, "%u bytes", (unsigned)bytes);
		return;
	}
	for (; value >= 999.95 && i + 1 < G_N_ELEMENTS(units); i++)
		value /= 1000;
	g_string_append_printf(to, "%.1f %s", value, units[i]);
}

/* ", wrote 1.0 MB"; nothing for nothing. */
static void append_part(GString *to, const char *word, uint64_t bytes, const char *behind)
{
	if (!bytes)
		return;
	g_string_append_printf(to, "%s%s ", to->len ? ", " : "", word);
	append_size(to, bytes);
	g_string_append(to, behind);
}

static void append_count(GString *to, uint64_t count, const char *one, const char *many)
{
	g_string_append_printf(to, "%" G_GUINT64_FORMAT " %s", count, count == 1 ? one : many);
}

static void append_network(GString *to, const InstallStatistics *statistics)
{
	if (!statistics->bundle_size && !statistics->requests)
		return;
	g_string_append(to, "fetched ");
	append_size(to, statistics->fetched);
	if (statistics->bundle_size) {
		g_string_append(to, " of ");
		append_size(to, statistics->bundle_size);
	}
	g_string_append(to, " in ");
	append_count(to, statistics->requests, "request", "requests");
	if (!statistics->retries)
		return;
	g_string_append(to, " (");
	append_count(to, statistics->retries, "retry)", "retries)");
}

static void append_seeds(GString *to, const InstallStatistics *statistics)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < statistics->n_seeds; i++)
		sum += statistics->seeds[i].bytes;
	append_part(to, "reused", sum, "");
	for (unsigned i = 0; i < statistics->n_seeds; i++) {
		g_string_append_printf(to, "%s%s ", i ? ", " : " (", statistics->seeds[i].name);
		append_size(to, statistics->seeds[i].bytes);
	}
	if (statistics->n_seeds)
		g_string_append_c(to, ')');
}

char *statistics_describe(const InstallStatistics *statistics)
{
	g_autoptr(GString) text = g_string_new(NULL);

	append_network(text, statistics);
	append_seeds(text, statistics);
	append_part(text, "wrote", statistics->written, "");
	append_part(text, "left", statistics->in_place, " in place");
	append_part(text, "left out", statistics->zero, " of zeroes");
	if (statistics->waited_ms >= 1000)
		g_string_append_printf(text, "; waited %" G_GUINT64_FORMAT " s for the network",
		                       statistics->waited_ms / 1000);
	return g_string_free(g_steal_pointer(&text), FALSE);
}
