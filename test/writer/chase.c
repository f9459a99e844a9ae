/* SPDX-License-Identifier: MIT */

#include "writer/chase.h"

#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define NO_DIRECT "this file system has no O_DIRECT"

static char *path;

/* Content by place, so that a piece that is read twice or left out shows. */
static GBytes *pattern(size_t size)
{
	uint8_t *data = g_malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(i % 251 + i / 4096);
	return g_bytes_new_take(data, size);
}

typedef struct {
	GByteArray *seen;
	uint64_t ends_at; /* looking fails there; 0: never */
} Seen;

static bool look(void *user, const uint8_t *data, size_t size, uint64_t at)
{
	Seen *seen = user;

	g_assert_cmpuint(at, ==, seen->seen->len);
	if (seen->ends_at && at >= seen->ends_at)
		return false;
	g_byte_array_append(seen->seen, data, (guint)size);
	return true;
}

static void wait_for(Chase *chase, uint64_t end)
{
	for (unsigned i = 0; i < 5000 && chase_so_far(chase) < end; i++)
		g_usleep(1000);
	g_assert_cmpuint(chase_so_far(chase), ==, end);
}

/* KiB; what has been allowed in turns, each time until it is read. */
static const struct {
	unsigned base, size;
	unsigned allowed[4];
} chases[] = {
	{ 0, 1024, { 1024 } },
	{ 0, 3 * 1024, { 1024, 2048, 3072 } },
	{ 0, 5 * 1024, { 4096, 5120 } },
	{ 4, 2 * 1024, { 1024, 2048 } },
	{ 0, 2 * 1024 + 4, { 2048, 2052 } },
	{ 0, 2 * 1024, { 0, 1024, 1024, 1024 } },
};

static void test_reads_all(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(chases); i++) {
		size_t base = chases[i].base * 1024, size = chases[i].size * 1024, end = 0;
		g_autoptr(GBytes) all = pattern(base + size);
		Seen seen = { .seen = g_byte_array_new() };

		g_assert_true(g_file_set_contents(path, g_bytes_get_data(all, NULL),
		                                  (gssize)(base + size), NULL));
		Chase *chase = chase_start(path, base, look, &seen);
		if (!chase) {
			g_byte_array_unref(seen.seen);
			g_test_skip(NO_DIRECT);
			return;
		}
		for (unsigned k = 0; k < 4 && chases[i].allowed[k]; k++) {
			end = chases[i].allowed[k] * 1024;
			chase_allow(chase, end);
			wait_for(chase, end);
		}
		g_assert_cmpuint(chase_stop(chase), ==, end);
		g_assert_cmpmem(seen.seen->data, seen.seen->len,
		                (const uint8_t *)g_bytes_get_data(all, NULL) + base, end);
		g_byte_array_unref(seen.seen);
	}
}

/* However early it is stopped, it ends between two MiB. */
static void test_stops_between_two(void)
{
	g_autoptr(GBytes) all = pattern(8 << 20);

	g_assert_true(g_file_set_contents(path, g_bytes_get_data(all, NULL), 8 << 20, NULL));
	for (unsigned i = 0; i < 40; i++) {
		Seen seen = { .seen = g_byte_array_new() };
		Chase *chase = chase_start(path, 0, look, &seen);

		if (!chase) {
			g_byte_array_unref(seen.seen);
			g_test_skip(NO_DIRECT);
			return;
		}
		chase_allow(chase, 8 << 20);
		g_usleep(i * 100);
		uint64_t n = chase_stop(chase);
		g_assert_cmpuint(n % CHASE_WHOLE, ==, 0);
		g_assert_cmpmem(seen.seen->data, seen.seen->len, g_bytes_get_data(all, NULL), n);
		g_byte_array_unref(seen.seen);
	}
}

/* It ends where looking or reading fails; that is for who reads on from there. */
static void test_failures(void)
{
	g_autoptr(GBytes) all = pattern(2 << 20);
	Seen seen = { .seen = g_byte_array_new(), .ends_at = 3 * CHASE_PIECE };

	g_assert_true(g_file_set_contents(path, g_bytes_get_data(all, NULL), 2 << 20, NULL));
	for (unsigned is_short = 0; is_short < 2; is_short++) {
		g_byte_array_set_size(seen.seen, 0);
		Chase *chase = chase_start(path, 0, look, &seen);

		if (!chase) {
			g_test_skip(NO_DIRECT);
			break;
		}
		if (is_short) {
			g_assert_cmpint(truncate(path, 3 * CHASE_PIECE), ==, 0);
			seen.ends_at = 0;
		}
		chase_allow(chase, 2 << 20);
		wait_for(chase, 3 * CHASE_PIECE);
		g_usleep(20000);
		g_assert_cmpuint(chase_stop(chase), ==, 3 * CHASE_PIECE);
	}
	g_byte_array_unref(seen.seen);
}

static void test_none(void)
{
	g_assert_null(chase_start("/nonexistent/x", 0, look, NULL));
	g_assert_cmpuint(chase_so_far(NULL), ==, 0);
	g_assert_cmpuint(chase_stop(NULL), ==, 0);
	/* an offset that the medium cannot be asked for directly */
	g_assert_true(g_file_set_contents(path, "x", 1, NULL));
	g_assert_null(chase_start(path, 100, look, NULL));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_autofree char *folder = g_dir_make_tmp("chase-XXXXXX", NULL);

	path = g_build_filename(folder, "target", NULL);
	g_test_add_func("/writer/chase/reads-all", test_reads_all);
	g_test_add_func("/writer/chase/stops-between-two", test_stops_between_two);
	g_test_add_func("/writer/chase/failures", test_failures);
	g_test_add_func("/writer/chase/none", test_none);
	int status = g_test_run();

	g_unlink(path);
	g_rmdir(folder);
	g_free(path);
	return status;
}
