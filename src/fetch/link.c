/* SPDX-License-Identifier: MIT */

#include "fetch/link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define PIECE ((size_t)16 * 1024)

struct Link {
	int fd;
	GByteArray *in, *out;
	size_t sent; /* of `out` */
	bool is_gone;
};

Link *link_new(int fd, GError **error)
{
	int flags = fcntl(fd, F_GETFL);
	Link *link;

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return fail_errno_null(error, "cannot use the socket to rauc");
	link = g_new0(Link, 1);
	link->fd = fd;
	link->in = g_byte_array_new();
	link->out = g_byte_array_new();
	return link;
}

void link_free(Link *link)
{
	g_byte_array_unref(link->in);
	g_byte_array_unref(link->out);
	g_free(link);
}

/* The first message of what has come. */
static LinkState next_message(Link *link, WireHead *head, void **bytes, GError **error)
{
	GByteArray *in = link->in;

	if (in->len < sizeof(*head))
		return LINK_NOTHING;
	memcpy(head, in->data, sizeof(*head));
	if (!wire_check(head, error))
		return LINK_ERROR;
	if (in->len - sizeof(*head) < head->size)
		return LINK_NOTHING;
	*bytes = head->size ? g_memdup2(in->data + sizeof(*head), head->size) : NULL;
	g_byte_array_remove_range(in, 0, (guint)(sizeof(*head) + head->size));
	return LINK_MESSAGE;
}

LinkState link_receive(Link *link, WireHead *head, void **bytes, GError **error)
{
	for (;;) {
		uint8_t piece[PIECE];
		LinkState state = next_message(link, head, bytes, error);
		ssize_t got;

		if (state != LINK_NOTHING)
			return state;
		got = TEMP_FAILURE_RETRY(recv(link->fd, piece, sizeof(piece), 0));
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return LINK_NOTHING;
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return LINK_END;
		if (got < 0) {
			fail_errno(error, "cannot hear rauc");
			return LINK_ERROR;
		}
		g_byte_array_append(link->in, piece, (guint)got);
	}
}

/* How much of it went; the rest has to wait. */
static size_t push(Link *link, const void *bytes, size_t size)
{
	size_t done = 0;

	while (done < size && !link->is_gone) {
		ssize_t sent = TEMP_FAILURE_RETRY(
			send(link->fd, (const char *)bytes + done, size - done, MSG_NOSIGNAL));

		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (sent < 0)
			link->is_gone = true;
		else
			done += (size_t)sent;
	}
	return link->is_gone ? size : done;
}

static void add(Link *link, const void *bytes, size_t size)
{
	size_t done = link_has_rest(link) ? 0 : push(link, bytes, size);

	if (done < size)
		g_byte_array_append(link->out, (const guint8 *)bytes + done, (guint)(size - done));
}

void link_send(Link *link, WireType type, uint64_t id, const void *bytes, size_t size)
{
	WireHead head = { .type = type, .size = (uint32_t)size, .id = id };

	g_assert(size <= MAX(WIRE_MAX_WORDS, WIRE_MAX_DATA));
	add(link, &head, sizeof(head));
	if (size)
		add(link, bytes, size);
}

void link_flush(Link *link)
{
	link->sent += push(link, link->out->data + link->sent, link->out->len - link->sent);
	if (link->sent < link->out->len)
		return;
	g_byte_array_set_size(link->out, 0);
	link->sent = 0;
}

int link_fd(const Link *link)
{
	return link->fd;
}

bool link_has_rest(const Link *link)
{
	return link->out->len > link->sent;
}

bool link_is_full(const Link *link)
{
	return link->out->len >= LINK_FULL;
}
