/* SPDX-License-Identifier: MIT */

#include "fetch/link.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"

#define PIECE ((size_t)16 * 1024)
/* Less than this of a range waits for more of it, until link_flush(): with HTTP/2 it comes in pieces of 8 KiB, and each
 * message wakes the other side. */
#define BATCH ((size_t)64 * 1024)

struct Link {
	int fd;
	GByteArray *in, *out;
	size_t sent; /* of `out` */
	size_t grows_at; /* in `out`: the DATA that more of its range may be added to; G_MAXSIZE: none */
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
	link->grows_at = G_MAXSIZE;
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

/* Is it the DATA that is waiting last, and has none of it gone yet? */
static bool add_to_last(Link *link, WireType type, uint64_t id, const void *bytes, size_t size)
{
	WireHead head;

	if (type != WIRE_DATA || link->grows_at == G_MAXSIZE || link->sent > link->grows_at)
		return false;
	memcpy(&head, link->out->data + link->grows_at, sizeof(head));
	if (head.id != id || size > WIRE_MAX_DATA - head.size)
		return false;
	head.size += (uint32_t)size;
	memcpy(link->out->data + link->grows_at, &head, sizeof(head));
	g_byte_array_append(link->out, bytes, (guint)size);
	return true;
}

/* Head and bytes at once: two would be two awakenings. Of what went, which the caller keeps the rest of. */
static size_t push_both(Link *link, const WireHead *head, const void *bytes, size_t size)
{
	struct iovec parts[] = { { (void *)head, sizeof(*head) }, { (void *)bytes, size } };
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = size ? 2 : 1 };
	ssize_t sent = TEMP_FAILURE_RETRY(sendmsg(link->fd, &message, MSG_NOSIGNAL));

	link->is_gone = sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK;
	return sent < 0 ? 0 : (size_t)sent;
}

static void keep(Link *link, const WireHead *head, const void *bytes, size_t size, size_t done)
{
	size_t of_head = MIN(done, sizeof(*head)), of_bytes = done - of_head;

	link->grows_at = head->type == WIRE_DATA && done == 0 ? link->out->len : G_MAXSIZE;
	g_byte_array_append(link->out, (const guint8 *)head + of_head,
	                    (guint)(sizeof(*head) - of_head));
	if (of_bytes < size)
		g_byte_array_append(link->out, (const guint8 *)bytes + of_bytes,
		                    (guint)(size - of_bytes));
}

void link_send(Link *link, WireType type, uint64_t id, const void *bytes, size_t size)
{
	WireHead head = { .type = type, .size = (uint32_t)size, .id = id };
	bool is_small = type == WIRE_DATA && size < BATCH;
	size_t done = 0;

	g_assert(size <= MAX(WIRE_MAX_WORDS, WIRE_MAX_DATA));
	if (link->is_gone)
		return;
	if (!add_to_last(link, type, id, bytes, size)) {
		if (!link_has_rest(link) && !is_small)
			done = push_both(link, &head, bytes, size);
		if (!link->is_gone && done < sizeof(head) + size)
			keep(link, &head, bytes, size, done);
	}
	if (link->out->len - link->sent >= BATCH || (link_has_rest(link) && type != WIRE_DATA))
		link_flush(link);
}

void link_flush(Link *link)
{
	link->sent += push(link, link->out->data + link->sent, link->out->len - link->sent);
	if (link->sent < link->out->len)
		return;
	g_byte_array_set_size(link->out, 0);
	link->sent = 0;
	link->grows_at = G_MAXSIZE;
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
