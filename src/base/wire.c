/* SPDX-License-Identifier: MIT */

#include "base/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/error.h"

/* `done` bytes of them are done. */
static void step_parts(struct iovec **parts, unsigned *n, size_t done)
{
	while (*n > 0 && done >= (*parts)->iov_len) {
		done -= (*parts)->iov_len;
		(*parts)++;
		(*n)--;
	}
	if (*n > 0) {
		(*parts)->iov_base = (char *)(*parts)->iov_base + done;
		(*parts)->iov_len -= done;
	}
}

static bool send_all(int fd, struct iovec *parts, unsigned n, GError **error)
{
	while (n > 0) {
		struct msghdr message = { .msg_iov = parts, .msg_iovlen = n };
		ssize_t sent = TEMP_FAILURE_RETRY(sendmsg(fd, &message, MSG_NOSIGNAL));

		if (sent < 0)
			return fail_errno(error, "cannot send to the other process");
		step_parts(&parts, &n, (size_t)sent);
	}
	return true;
}

bool wire_send(int fd, WireType type, uint64_t id, const void *bytes, size_t size, GError **error)
{
	WireHead head = { .type = type, .size = (uint32_t)size, .id = id };
	struct iovec parts[] = { { &head, sizeof(head) }, { (void *)bytes, size } };

	g_assert(size <= MAX(WIRE_MAX_WORDS, WIRE_MAX_DATA));
	return send_all(fd, parts, size ? 2 : 1, error);
}

bool wire_receive_parts(int fd, struct iovec *parts, unsigned n, GError **error)
{
	while (n > 0) {
		struct msghdr message = { .msg_iov = parts, .msg_iovlen = n };
		ssize_t got = TEMP_FAILURE_RETRY(recvmsg(fd, &message, MSG_WAITALL));

		if (got < 0)
			return fail_errno(error, "cannot hear the other process");
		if (got == 0)
			return fail(error, FAILURE_IO, "the other process has ended");
		step_parts(&parts, &n, (size_t)got);
	}
	return true;
}

static bool receive_all(int fd, void *to, size_t size, GError **error)
{
	struct iovec part = { to, size };

	return wire_receive_parts(fd, &part, 1, error);
}

/* The largest each may be; 0: this type is none. Fixed sizes are checked by who takes them. */
static size_t limit_of(uint32_t type)
{
	switch (type) {
	case WIRE_OPEN:
	case WIRE_OPENED:
	case WIRE_FAILED:
	case WIRE_WAITING:
	case WIRE_STATS:
		return WIRE_MAX_WORDS;
	case WIRE_READ:
		return sizeof(WireRead);
	case WIRE_CREDIT:
		return sizeof(uint64_t);
	case WIRE_DATA:
		return WIRE_MAX_DATA;
	case WIRE_CANCEL:
	case WIRE_DONE:
	case WIRE_GOING:
		return 1; /* none has any bytes, but 0 means something else here */
	default:
		return 0;
	}
}

bool wire_check(const WireHead *head, GError **error)
{
	size_t limit = limit_of(head->type);

	if (!limit)
		return fail(error, FAILURE_FORMAT, "a message of unknown type %u", head->type);
	if (head->size > limit)
		return fail(error, FAILURE_FORMAT, "a message of type %u with %u bytes", head->type,
		            head->size);
	if ((head->type == WIRE_READ && head->size != sizeof(WireRead)) ||
	    (head->type == WIRE_CREDIT && head->size != sizeof(uint64_t)))
		return fail(error, FAILURE_FORMAT, "a message of type %u with %u bytes", head->type,
		            head->size);
	return true;
}

bool wire_receive_head(int fd, WireHead *head, GError **error)
{
	return receive_all(fd, head, sizeof(*head), error) && wire_check(head, error);
}

bool wire_receive(int fd, WireHead *head, void **bytes, GError **error)
{
	g_autofree void *got = NULL;

	if (!wire_receive_head(fd, head, error))
		return false;
	if (head->size) {
		got = g_malloc(head->size);
		if (!receive_all(fd, got, head->size, error))
			return false;
	}
	*bytes = g_steal_pointer(&got);
	return true;
}

void wire_add(WireWords *words, const char *key, const char *value)
{
	g_byte_array_append(words, (const guint8 *)key, (guint)strlen(key));
	g_byte_array_append(words, (const guint8 *)"=", 1);
	g_byte_array_append(words, (const guint8 *)value, (guint)strlen(value) + 1);
}

void wire_add_number(WireWords *words, const char *key, uint64_t value)
{
	g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);

	wire_add(words, key, text);
}

/* The next value of `key` from `*at` on, which moves behind it. */
static const char *next_value(const char *bytes, size_t size, size_t *at, const char *key)
{
	size_t length = strlen(key);

	while (*at < size) {
		const char *word = bytes + *at;

		*at += strlen(word) + 1;
		if (strncmp(word, key, length) == 0 && word[length] == '=')
			return word + length + 1;
	}
	return NULL;
}

const char *wire_find(const void *bytes, size_t size, const char *key)
{
	size_t at = 0;

	return next_value(bytes, size, &at, key);
}

uint64_t wire_find_number(const void *bytes, size_t size, const char *key)
{
	const char *text = wire_find(bytes, size, key);
	guint64 number = 0;

	if (!text || !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT64, &number, NULL))
		return 0;
	return number;
}

GStrv wire_find_all(const void *bytes, size_t size, const char *key)
{
	g_autoptr(GStrvBuilder) all = g_strv_builder_new();
	size_t at = 0;

	for (const char *value; (value = next_value(bytes, size, &at, key));)
		g_strv_builder_add(all, value);
	return g_strv_builder_end(all);
}

bool wire_words_check(const void *bytes, size_t size, GError **error)
{
	const char *text = bytes;

	if (size == 0)
		return true;
	if (text[size - 1] != '\0')
		return fail(error, FAILURE_FORMAT, "words without an end");
	for (size_t at = 0; at < size; at += strlen(text + at) + 1) {
		if (!strchr(text + at, '='))
			return fail(error, FAILURE_FORMAT, "a word without '='");
	}
	return true;
}
