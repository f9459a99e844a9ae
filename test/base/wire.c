/* SPDX-License-Identifier: MIT */

#include "base/wire.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

static void test_words(void)
{
	g_autoptr(GByteArray) words = g_byte_array_new();

	wire_add(words, "url", "https://x/?a=b");
	wire_add(words, "header", "A: 1");
	wire_add(words, "header", "");
	wire_add(words, "headers", "no");
	wire_add_number(words, "size", G_MAXUINT64);
	wire_add(words, "junk", "12x");
	g_assert_true(wire_words_check(words->data, words->len, NULL));
	g_assert_cmpstr(wire_find(words->data, words->len, "url"), ==, "https://x/?a=b");
	g_assert_null(wire_find(words->data, words->len, "ur"));
	g_assert_cmpuint(wire_find_number(words->data, words->len, "size"), ==, G_MAXUINT64);
	g_assert_cmpuint(wire_find_number(words->data, words->len, "junk"), ==, 0);
	g_assert_cmpuint(wire_find_number(words->data, words->len, "none"), ==, 0);

	g_auto(GStrv) headers = wire_find_all(words->data, words->len, "header");
	g_assert_cmpuint(g_strv_length(headers), ==, 2);
	g_assert_cmpstr(headers[0], ==, "A: 1");
	g_assert_cmpstr(headers[1], ==, "");
}

static const struct {
	const char *bytes;
	size_t size;
	bool is_ok;
} word_rows[] = {
	{ "", 0, true },     { "a=b\0", 4, true }, { "a=\0b=\0", 6, true },
	{ "a=b", 3, false }, { "ab\0", 3, false }, { "a=b\0\0", 5, false },
};

static void test_words_check(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(word_rows); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_true(wire_words_check(word_rows[i].bytes, word_rows[i].size, &error) ==
		              word_rows[i].is_ok);
		g_assert_true((error == NULL) == word_rows[i].is_ok);
	}
}

static void test_round(void)
{
	int ends[2];
	WireHead head;
	g_autofree void *bytes = NULL, *none = NULL;
	g_autofree char *large = g_malloc0(WIRE_MAX_DATA / 2);
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), ==, 0);
	large[1000] = 'x';
	g_assert_true(wire_send(ends[0], WIRE_DATA, 7, large, WIRE_MAX_DATA / 2, &error));
	g_assert_true(wire_send(ends[0], WIRE_DONE, 7, NULL, 0, &error));
	g_assert_true(wire_receive(ends[1], &head, &bytes, &error));
	g_assert_no_error(error);
	g_assert_cmpuint(head.type, ==, WIRE_DATA);
	g_assert_cmpuint(head.id, ==, 7);
	g_assert_cmpmem(bytes, head.size, large, WIRE_MAX_DATA / 2);
	g_assert_true(wire_receive(ends[1], &head, &none, &error));
	g_assert_null(none);
	close(ends[0]);
	g_assert_false(wire_receive(ends[1], &head, &none, &error));
	g_assert_error(error, FAILURE, FAILURE_IO);
	g_clear_error(&error);
	g_assert_false(wire_send(ends[1], WIRE_DONE, 7, NULL, 0, &error)); /* and no SIGPIPE */
	close(ends[1]);
}

static const WireHead bad_heads[] = {
	{ 0, 0, 0 },
	{ 5, 0, 0 },
	{ WIRE_DATA, WIRE_MAX_DATA + 1, 1 },
	{ WIRE_OPENED, G_MAXUINT32, 0 },
	{ WIRE_READ, sizeof(WireRead) - 1, 1 },
	{ WIRE_CREDIT, 4, 1 },
	{ WIRE_DONE, 2, 1 },
};

static void test_bad_heads(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(bad_heads); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_false(wire_check(&bad_heads[i], &error));
		g_assert_error(error, FAILURE, FAILURE_FORMAT);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/base/wire/words", test_words);
	g_test_add_func("/base/wire/words-check", test_words_check);
	g_test_add_func("/base/wire/round", test_round);
	g_test_add_func("/base/wire/bad-heads", test_bad_heads);
	return g_test_run();
}
