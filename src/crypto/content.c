/* SPDX-License-Identifier: MIT */

#include "crypto/content.h"

#include <string.h>

#include "base/error.h"
#include "crypto/reason.h"

#define PART (128 << 10) /* OpenSSL asks for 4 KiB a time; the medium likes more */

struct ContentStream {
	const VerifyContent *content;
	BIO_METHOD *method;
	BIO *bio;
	uint64_t at; /* how much of the content was read into `part` so far */
	size_t fill, taken;
	GError *error;
	uint8_t part[PART];
};

static bool refill(ContentStream *stream)
{
	uint64_t left = stream->content->size - stream->at;
	size_t want = (size_t)MIN(left, (uint64_t)PART);

	if (stream->error)
		return false;
	if (!stream->content->read_at(stream->content->user, stream->part, want, stream->at,
	                              &stream->error)) {
		if (!stream->error)
			fail(&stream->error, FAILURE_IO, "cannot read the signed content");
		return false;
	}
	stream->at += want;
	stream->fill = want;
	stream->taken = 0;
	return true;
}

static int bio_read(BIO *bio, char *to, int size)
{
	ContentStream *stream = BIO_get_data(bio);

	if (size <= 0)
		return 0;
	if (stream->taken == stream->fill) {
		if (stream->at == stream->content->size && !stream->error)
			return 0;
		if (!refill(stream))
			return -1;
	}

	size_t n = MIN((size_t)size, stream->fill - stream->taken);
	memcpy(to, stream->part + stream->taken, n);
	stream->taken += n;
	return (int)n;
}

static long bio_control(BIO *bio, int command, long number G_GNUC_UNUSED, void *user G_GNUC_UNUSED)
{
	ContentStream *stream = BIO_get_data(bio);

	if (command == BIO_CTRL_EOF)
		return stream->taken == stream->fill && stream->at == stream->content->size;
	return command == BIO_CTRL_FLUSH;
}

ContentStream *content_open(const VerifyContent *content, GError **error)
{
	g_autoptr(ContentStream) stream = g_malloc(sizeof(*stream));

	memset(stream, 0, offsetof(ContentStream, part));
	stream->content = content;
	stream->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | 127, "signed content");
	if (!stream->method || !BIO_meth_set_read(stream->method, bio_read) ||
	    !BIO_meth_set_ctrl(stream->method, bio_control) ||
	    !(stream->bio = BIO_new(stream->method)))
		return reason_fail_null(error, FAILURE_IO, "cannot stream the signed content");
	BIO_set_data(stream->bio, stream);
	BIO_set_init(stream->bio, 1);
	return g_steal_pointer(&stream);
}

void content_close(ContentStream *stream)
{
	if (!stream)
		return;
	BIO_free(stream->bio);
	BIO_meth_free(stream->method);
	g_clear_error(&stream->error);
	g_free(stream);
}

BIO *content_bio(ContentStream *stream)
{
	return stream->bio;
}

bool content_failed(ContentStream *stream, GError **error)
{
	if (!stream->error)
		return false;
	g_propagate_error(error, g_error_copy(stream->error));
	return true;
}

bool content_check(ContentStream *stream, GError **error)
{
	if (content_failed(stream, error))
		return false;
	if (stream->at != stream->content->size || stream->taken != stream->fill)
		return fail(error, FAILURE_IO,
		            "only %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
		            " bytes of the signed content were read",
		            stream->at - (stream->fill - stream->taken), stream->content->size);
	return true;
}
