/* SPDX-License-Identifier: MIT */

/* A device in memory that takes bytes only in their order. */

#include "writer/stream.h"

#include <string.h>

#include "base/error.h"

#define PIECE 1000

typedef struct {
	GByteArray *content;
	size_t n_puts, at;
	size_t fails_at; /* put; 0: never */
} Tape;

static bool put(void *user, const uint8_t *data, size_t size, GError **error)
{
	Tape *tape = user;

	if (++tape->n_puts == tape->fails_at)
		return fail(error, FAILURE_IO, "put %zu", tape->n_puts);
	g_assert_cmpuint(size, <=, PIECE);
	g_byte_array_append(tape->content, data, (guint)size);
	return true;
}

static bool get(void *user, uint8_t *data, size_t size, GError **error)
{
	Tape *tape = user;

	if (tape->at + size > tape->content->len)
		return fail(error, FAILURE_IO, "the end");
	memcpy(data, tape->content->data + tape->at, size);
	tape->at += size;
	return true;
}

typedef struct {
	Tape tape;
	Image image;
	Slot slot;
	WriterJob job;
	Stream stream;
	GBytes *bytes;
	char *sha256;
} Case;

static void case_begin(Case *c, size_t size, unsigned workers)
{
	guint8 *data = g_malloc(size + 1);
	uint8_t digest[DIGEST_SIZE];

	for (size_t i = 0; i < size; i++)
		data[i] = (guint8)g_test_rand_int();
	digest_bytes(data, size, digest);
	*c = (Case){ .sha256 = digest_hex(digest, DIGEST_SIZE),
		     .bytes = g_bytes_new_take(data, size) };
	c->tape.content = g_byte_array_new();
	c->image.sha256 = c->sha256;
	c->slot.device = (char *)"/dev/tape";
	c->job = (WriterJob){ .image = &c->image,
		              .slot = &c->slot,
		              .bytes = source_memory_new(c->bytes),
		              .pool = pool_new(workers, workers + 1) };
	c->stream = (Stream){ .job = &c->job,
		              .piece = PIECE,
		              .put = put,
		              .get = get,
		              .user = &c->tape,
		              .total = 2 * size };
}

static void case_end(Case *c)
{
	g_byte_array_unref(c->tape.content);
	source_unref(c->job.bytes);
	pool_free(c->job.pool);
	g_bytes_unref(c->bytes);
	g_free(c->sha256);
}

static void test_sizes(void)
{
	static const size_t sizes[] = { 0, 1, PIECE - 1, PIECE, PIECE + 1, 10 * PIECE + 7 };

	for (unsigned i = 0; i < 2 * G_N_ELEMENTS(sizes); i++) {
		Case c;
		g_autoptr(GError) error = NULL;

		case_begin(&c, sizes[i / 2], i % 2 ? 3 : 0);
		g_assert_true(stream_write(&c.stream, &error));
		g_autoptr(GBytes) written = g_bytes_new(c.tape.content->data, c.tape.content->len);
		g_assert_true(g_bytes_equal(written, c.bytes));
		g_assert_cmpuint(c.job.n_written, ==, sizes[i / 2]);
		g_assert_true(stream_compare(&c.stream, &error));
		g_assert_cmpuint(c.stream.done, ==, c.stream.total);
		g_assert_no_error(error);
		case_end(&c);
	}
}

/* Of an image that is not the signed one the end never comes. */
static void test_wrong_image(void)
{
	static const size_t sizes[] = { 0, 5, PIECE, 3 * PIECE + 1 };

	for (unsigned i = 0; i < G_N_ELEMENTS(sizes); i++) {
		Case c;
		g_autoptr(GError) error = NULL;

		case_begin(&c, sizes[i], 2);
		c.sha256[0] = c.sha256[0] == '0' ? '1' : '0';
		g_assert_false(stream_write(&c.stream, &error));
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		g_assert_nonnull(strstr(error->message, "but the manifest says"));
		g_assert_true(c.tape.content->len < sizes[i] || sizes[i] == 0);
		case_end(&c);
	}
}

static void test_failing_device(void)
{
	Case c;
	g_autoptr(GError) error = NULL;

	case_begin(&c, 5 * PIECE, 2);
	c.tape.fails_at = 3;
	g_assert_false(stream_write(&c.stream, &error));
	g_assert_cmpstr(error->message, ==, "put 3");
	g_assert_cmpuint(c.tape.content->len, ==, 2 * PIECE);
	g_assert_cmpuint(c.job.n_written, ==, 2 * PIECE);
	case_end(&c);
}

/* One bit, wherever it is; and an end that comes too early. */
static void test_damaged_medium(void)
{
	static const size_t places[] = { 0, PIECE - 1, PIECE, 3 * PIECE + 4 };

	for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
		Case c;
		g_autoptr(GError) error = NULL;

		case_begin(&c, 3 * PIECE + 5, 0);
		g_assert_true(stream_write(&c.stream, &error));
		c.tape.content->data[places[i]] ^= 4;
		g_assert_false(stream_compare(&c.stream, &error));
		g_assert_error(error, FAILURE, FAILURE_INTEGRITY);
		g_assert_nonnull(strstr(error->message, "/dev/tape reads back differently"));
		g_clear_error(&error);
		c.tape.at = 1;
		g_assert_false(stream_compare(&c.stream, &error));
		g_assert_cmpstr(error->message, ==, "reading back: the end");
		case_end(&c);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/writer/stream/sizes", test_sizes);
	g_test_add_func("/writer/stream/wrong-image", test_wrong_image);
	g_test_add_func("/writer/stream/failing-device", test_failing_device);
	g_test_add_func("/writer/stream/damaged-medium", test_damaged_medium);
	return g_test_run();
}
