/* SPDX-License-Identifier: MIT */

#include "squashfs/codec.h"

#include "base/error.h"

/* CODEC_GZIP: the faster of the libraries that are there (meson.build). */
static const struct {
	const char *name;
	const CodecOps *ops; /* NULL: not read here */
} codecs[] = {
	[1] = { "gzip", &CODEC_GZIP }, [2] = { "lzma1", NULL },     [3] = { "lzo", NULL },
	[4] = { "xz", &codec_xz },     [5] = { "lz4", &codec_lz4 }, [6] = { "zstd", &codec_zstd },
};

const CodecOps *codec_find(unsigned number, GError **error)
{
	if (number == 0 || number >= G_N_ELEMENTS(codecs))
		return fail_null(error, FAILURE_FORMAT, "squashfs: unknown compressor %u", number);
	if (!codecs[number].ops)
		return fail_null(error, FAILURE_UNSUPPORTED,
		                 "squashfs: compressor %s is not supported; use gzip, xz, lz4 or "
		                 "zstd",
		                 codecs[number].name);
	return codecs[number].ops;
}

static void codec_free(Codec *codec)
{
	if (codec->state)
		codec->ops->free(codec->state);
	g_free(codec->input);
	g_free(codec->block);
	g_free(codec);
}

uint8_t *codec_input(Codec *codec, size_t size, GError **error)
{
	if (size > codec->input_room) {
		g_free(codec->input);
		codec->input = g_try_malloc(size);
		codec->input_room = codec->input ? size : 0;
		if (!codec->input)
			return fail_null(error, FAILURE_IO, "squashfs: no memory for %zu bytes",
			                 size);
	}
	return codec->input;
}

bool codec_unpack(Codec *codec, uint64_t at, const void *from, size_t from_size, void *to,
                  size_t *size, GError **error)
{
	const char *wrong = codec->ops->unpack(codec->state, from, from_size, to, size);

	if (wrong)
		return fail(error, FAILURE_FORMAT,
		            "squashfs: block at byte %" G_GUINT64_FORMAT ": %s: %s", at,
		            codec->ops->name, wrong);
	return true;
}

Codec *codec_take(CodecShelf *shelf, GError **error)
{
	for (unsigned i = 0; i < CODEC_SHELF; i++) {
		Codec *codec = g_atomic_pointer_exchange(&shelf->waiting[i], NULL);

		if (codec)
			return codec;
	}

	Codec *codec = g_new0(Codec, 1);
	codec->ops = shelf->ops;
	if (shelf->ops->make && !(codec->state = shelf->ops->make())) {
		codec_free(codec);
		return fail_null(error, FAILURE_IO, "squashfs: no memory for %s", shelf->ops->name);
	}
	return codec;
}

void codec_give(CodecShelf *shelf, Codec *codec)
{
	for (unsigned i = 0; i < CODEC_SHELF; i++)
		if (g_atomic_pointer_compare_and_exchange(&shelf->waiting[i], NULL, codec))
			return;
	codec_free(codec);
}

void codec_clear_shelf(CodecShelf *shelf)
{
	for (unsigned i = 0; i < CODEC_SHELF; i++) {
		Codec *codec = g_atomic_pointer_exchange(&shelf->waiting[i], NULL);

		if (codec)
			codec_free(codec);
	}
}
