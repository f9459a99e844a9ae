/* SPDX-License-Identifier: MIT */

/* Stands in for rauc-fetch: gives made-up bytes, and misbehaves as the path of the url says. */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/wire.h"
#include "remote_bytes.h"

typedef struct {
	WireRead read;
	uint64_t id, sent, credit;
} Job;

static char *mode;
static bool is_again; /* not the first one */
static GArray *jobs;

static void say_words(WireType type, uint64_t id, const char *first, ...) G_GNUC_NULL_TERMINATED;
static void say_words(WireType type, uint64_t id, const char *first, ...)
{
	g_autoptr(GByteArray) words = g_byte_array_new();
	va_list args;

	va_start(args, first);
	for (const char *key = first; key; key = va_arg(args, const char *))
		wire_add(words, key, va_arg(args, const char *));
	va_end(args);
	if (!wire_send(3, type, id, words->data, words->len, NULL))
		exit(0);
}

static void opened(void)
{
	g_autofree char *size = g_strdup_printf("%" G_GUINT64_FORMAT, (uint64_t)REMOTE_SIZE);

	if (g_str_equal(mode, "wait")) {
		say_words(WIRE_WAITING, 0, "message", "waiting for network", "reason", "gone",
		          "seconds", "1", "attempt", "3", NULL);
		wire_send(3, WIRE_GOING, 0, NULL, 0, NULL);
	}
	if (g_str_equal(mode, "end"))
		exit(0);
	if (g_str_equal(mode, "never"))
		return;
	if (g_str_equal(mode, "refuse"))
		say_words(WIRE_FAILED, 0, "code", "not-found", "http", "404", "message",
		          "no such bundle", NULL);
	else if (g_str_equal(mode, "no-size"))
		say_words(WIRE_OPENED, 0, "url", "http://x/", NULL);
	else if (is_again && g_str_equal(mode, "die-refuse"))
		say_words(WIRE_FAILED, 0, "code", "network", "http", "403", "message", "forbidden",
		          NULL);
	else if (is_again && g_str_equal(mode, "die-changed"))
		say_words(WIRE_OPENED, 0, "url", "http://elsewhere/", "size", size, "etag", "\"f\"",
		          NULL);
	else
		say_words(WIRE_OPENED, 0, "url", "http://elsewhere/", "size", size, "etag", "\"e\"",
		          "http", "2", "date", "5", "ranges",
		          g_str_equal(mode, "no-ranges") ? "no" : "yes", NULL);
}

static void serve(Job *job)
{
	static uint8_t data[48 * 1024 + 321]; /* not in whole pieces */

	while (job->credit > 0 && job->sent < job->read.size) {
		uint64_t n = MIN(MIN(job->credit, sizeof(data)), job->read.size - job->sent);

		for (uint64_t i = 0; i < n; i++)
			data[i] = remote_byte(job->read.at + job->sent + i);
		if (!wire_send(3, WIRE_DATA, job->id, data, n, NULL))
			exit(0);
		job->sent += n;
		job->credit -= n;
		if (g_str_has_prefix(mode, "die") && job->read.at > 1000000 &&
		    (job->read.at % 65536 == 0 || g_str_equal(mode, "die")))
			exit(1); /* what goes on behind that is no such request any more */
	}
	if (job->sent == job->read.size) {
		if (g_str_equal(mode, "too-much"))
			wire_send(3, WIRE_DATA, job->id, data, sizeof(data), NULL);
		wire_send(3, WIRE_DONE, job->id, NULL, 0, NULL);
	}
}

/* What it has let out without being granted it would be an error of ours, so it counts. */
static void take_read(const WireHead *head, const WireRead *read)
{
	Job job = { *read, head->id, 0, read->credit };

	if (g_str_equal(mode, "fail") && read->at > 1000000)
		say_words(WIRE_FAILED, head->id, "code", "integrity", "message",
		          "the bundle has changed on the server", NULL);
	if (g_str_equal(mode, "mute"))
		return;
	g_array_append_val(jobs, job);
	serve(&g_array_index(jobs, Job, jobs->len - 1));
}

static void take_credit(const WireHead *head, uint64_t more)
{
	for (guint i = 0; i < jobs->len; i++) {
		Job *job = &g_array_index(jobs, Job, i);

		if (job->id == head->id && job->sent < job->read.size) {
			job->credit += more;
			serve(job);
		}
	}
}

int main(void)
{
	jobs = g_array_new(FALSE, FALSE, sizeof(Job));
	for (;;) {
		WireHead head;
		g_autofree void *bytes = NULL;

		if (!wire_receive(3, &head, &bytes, NULL))
			break;
		if (head.type == WIRE_OPEN) {
			mode = g_strdup(wire_find(bytes, head.size, "url"));
			is_again = wire_find(bytes, head.size, "open-tries") != NULL;
			opened();
		} else if (head.type == WIRE_READ) {
			take_read(&head, bytes);
		} else if (head.type == WIRE_CREDIT) {
			take_credit(&head, *(const uint64_t *)bytes);
		}
	}
	say_words(WIRE_STATS, 0, "requests", "7", "bytes", "8", "retries", "9", "waited-ms", "10",
	          NULL);
	if (g_strcmp0(mode, "stay") == 0)
		sleep(60);
	g_array_unref(jobs);
	g_free(mode);
	return 0;
}
