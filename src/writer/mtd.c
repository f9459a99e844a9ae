/* SPDX-License-Identifier: MIT */

/*
 * Bare MTD devices: erased as a whole, written from the front, and read back.
 *
 * What is on the device afterwards is what `flash_erase` and `nandwrite --pad` leave on a NAND,
 * and `flashcp --erase-all` on others: bad blocks are left out, and the last page is filled up
 * with 0xff. The kernel does the same for us as for these programs, and they would know less:
 * flashcp wants a file, for which an image out of a bundle would have to be stored first; and
 * flash_erase and nandwrite go on where a block cannot be erased or written, without marking
 * it, so that who reads the device later cannot know which blocks to leave out.
 *
 * All is erased before the first byte is written, so that no old content lies behind new.
 */

#include "writer/mtd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mtd/mtd-user.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "writer/flash.h"
#include "writer/rows.h"
#include "writer/stream.h"

#define NOR_PIECE (256 << 10)

typedef struct {
	Flash flash;
	int fd;
	uint64_t at;   /* where the next bytes are written, or read */
	uint8_t *page; /* the last one, filled up */
} Mtd;

static void mtd_clear(Mtd *mtd)
{
	fd_clear(&mtd->fd);
	flash_clear(&mtd->flash);
	g_free(mtd->page);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Mtd, mtd_clear)

static bool mtd_open(Mtd *mtd, const char *path, GError **error)
{
	if (!flash_find_unused(&mtd->flash, path, error))
		return false;
	if (mtd->flash.kind == FLASH_UBI_VOLUME)
		return fail(error, FAILURE_UNSUPPORTED,
		            "%s is a UBI volume, not an MTD like /dev/mtd0", path);
	mtd->fd = fd_open(path, O_RDWR, 0, error);
	mtd->page = g_malloc(mtd->flash.write_size);
	return mtd->fd >= 0;
}

static bool has_bad_blocks(const Mtd *mtd)
{
	return mtd->flash.kind == FLASH_NAND;
}

/* Of the device, without a last block that is not whole. */
static uint64_t end_of(const Mtd *mtd)
{
	return mtd->flash.size - mtd->flash.size % mtd->flash.erase_size;
}

static bool is_bad(const Mtd *mtd, uint64_t at, bool *yes, GError **error)
{
	loff_t offset = (loff_t)at;
	int result = has_bad_blocks(mtd) ? ioctl(mtd->fd, MEMGETBADBLOCK, &offset) : 0;

	*yes = result > 0;
	return result >= 0 || fail_errno(error, "cannot ask %s whether block %#" PRIx64 " is bad",
	                                 mtd->flash.path, at);
}

/* The boundary of a block that is good, from `at` on; the end of the device where none is. */
static bool find_good(const Mtd *mtd, uint64_t *at, GError **error)
{
	bool bad = true;

	while (*at < end_of(mtd)) {
		if (!is_bad(mtd, *at, &bad, error))
			return false;
		if (!bad)
			break;
		*at += mtd->flash.erase_size;
	}
	return true;
}

static bool count_room(const Mtd *mtd, uint64_t *room, GError **error)
{
	*room = 0;
	for (uint64_t at = 0; find_good(mtd, &at, error); at += mtd->flash.erase_size) {
		if (at >= end_of(mtd))
			return true;
		*room += mtd->flash.erase_size;
	}
	return false;
}

static bool check_room(const Mtd *mtd, uint64_t size, GError **error)
{
	uint64_t room;

	return count_room(mtd, &room, error) && flash_check_room(room, size, error);
}

bool mtd_check(const char *path, uint64_t size, GError **error)
{
	g_auto(Mtd) mtd = { .fd = -1 };

	return mtd_open(&mtd, path, error) && check_room(&mtd, size, error);
}

static bool erase_range(const Mtd *mtd, uint64_t at, uint64_t size)
{
	struct erase_info_user64 range = { .start = at, .length = size };

	return ioctl(mtd->fd, MEMERASE64, &range) == 0;
}

/* A block that a NAND can no longer erase or write is marked, for all who come after. */
static bool retire(const Mtd *mtd, uint64_t at, const char *doing, GError **error)
{
	loff_t offset = (loff_t)at;

	if (errno != EIO || !has_bad_blocks(mtd))
		return fail_errno(error, "cannot %s %s at %#" PRIx64, doing, mtd->flash.path, at);
	g_message("%s: cannot %s the block at %#" PRIx64 ", which is marked bad", mtd->flash.path,
	          doing, at);
	return ioctl(mtd->fd, MEMSETBADBLOCK, &offset) == 0 ||
	       fail_errno(error, "cannot mark the block of %s at %#" PRIx64 " bad", mtd->flash.path,
	                  at);
}

/* Chips that are locked after each reset are meant to be unlocked by who writes; what was locked
 * on purpose stays so, and the erase says it. */
static bool unlock(const Mtd *mtd, GError **error)
{
	struct erase_info_user all = { .length = (uint32_t)MIN(mtd->flash.size, G_MAXUINT32) };

	return !mtd->flash.is_born_locked || ioctl(mtd->fd, MEMUNLOCK, &all) == 0 ||
	       errno == EOPNOTSUPP || fail_errno(error, "cannot unlock %s", mtd->flash.path);
}

/* Erasing counts as much as writing, and as reading back. */
static void tell_erased(Stream *stream, uint64_t n_erased, uint64_t n_blocks)
{
	if (!stream)
		return;
	stream->done = stream->job->bytes->size * n_erased / n_blocks;
	progress_bytes(stream->job->progress, stream->done, stream->total);
}

/* `stream`: whose progress it is, or NULL. */
static bool erase_all(const Mtd *mtd, Stream *stream, GError **error)
{
	uint64_t size = mtd->flash.has_regions ? mtd->flash.size : mtd->flash.erase_size;
	uint64_t end = mtd->flash.has_regions ? size : end_of(mtd), at = 0;

	if (!unlock(mtd, error))
		return false;
	while (find_good(mtd, &at, error)) {
		if (at >= end)
			return true;
		if (!erase_range(mtd, at, size) && !retire(mtd, at, "erase", error))
			return false;
		at += size;
		tell_erased(stream, at / size, end / size);
	}
	return false;
}

bool mtd_erase(const char *path, GError **error)
{
	g_auto(Mtd) mtd = { .fd = -1 };

	return mtd_open(&mtd, path, error) && erase_all(&mtd, NULL, error);
}

static bool write_at(const Mtd *mtd, const uint8_t *data, size_t size, uint64_t at)
{
	ssize_t put = TEMP_FAILURE_RETRY(pwrite(mtd->fd, data, size, (off_t)at));

	if (put >= 0 && (size_t)put != size)
		errno = EIO;
	return put == (ssize_t)size;
}

/* Whole pages, and the last one filled up. */
static bool write_pages(const Mtd *mtd, const uint8_t *data, size_t size, uint64_t at)
{
	size_t rest = size % mtd->flash.write_size, whole = size - rest;

	if (whole > 0 && !write_at(mtd, data, whole, at))
		return false;
	if (rest == 0)
		return true;
	memset(mtd->page, 0xff, mtd->flash.write_size);
	memcpy(mtd->page, data + whole, rest);
	return write_at(mtd, mtd->page, mtd->flash.write_size, at + whole);
}

/* A block of NAND gets a second chance before it is given up. */
static bool write_block(const Mtd *mtd, const uint8_t *data, size_t size, uint64_t at)
{
	if (write_pages(mtd, data, size, at))
		return true;
	return errno == EIO && has_bad_blocks(mtd) && erase_range(mtd, at, mtd->flash.erase_size) &&
	       write_pages(mtd, data, size, at);
}

static bool put(void *user, const uint8_t *data, size_t size, GError **error)
{
	Mtd *mtd = user;

	for (bool done = false; !done;) {
		if (!find_good(mtd, &mtd->at, error))
			return false;
		if (mtd->at >= end_of(mtd))
			return fail(error, FAILURE_IO, "%s has no good block left",
			            mtd->flash.path);
		done = write_block(mtd, data, size, mtd->at);
		if (!done && !retire(mtd, mtd->at, "write", error))
			return false;
		mtd->at += done ? size : mtd->flash.erase_size;
	}
	return true;
}

/* Errors beyond what the checksums of a NAND correct are no errors of the call: what the bytes hash
 * to tells. */
static bool get(void *user, uint8_t *data, size_t size, GError **error)
{
	Mtd *mtd = user;

	if (!find_good(mtd, &mtd->at, error))
		return false;
	ssize_t got = TEMP_FAILURE_RETRY(pread(mtd->fd, data, size, (off_t)mtd->at));
	if (got < 0)
		return fail_errno(error, "cannot read %s at %#" PRIx64, mtd->flash.path, mtd->at);
	mtd->at += size;
	return (size_t)got == size || fail(error, FAILURE_INTEGRITY, "%s ends at %#" PRIx64,
	                                   mtd->flash.path, mtd->at - size + (size_t)got);
}

/* A NAND is written by blocks, each of which may turn out bad. */
static size_t piece_of(const Flash *flash)
{
	uint32_t block = flash->erase_size;

	return flash->kind == FLASH_NAND || block > NOR_PIECE ? block : NOR_PIECE / block * block;
}

static bool write_mtd(WriterJob *job, GError **error)
{
	uint64_t size = job->bytes->size;
	g_auto(Mtd) mtd = { .fd = -1 };

	if (!mtd_open(&mtd, job->slot->device, error) || !check_room(&mtd, size, error))
		return false;
	Stream stream = { .job = job,
		          .piece = piece_of(&mtd.flash),
		          .put = put,
		          .get = get,
		          .user = &mtd,
		          .total = job->verify ? 3 * size : 2 * size };
	/* Erasing may have cost blocks. */
	if (!erase_all(&mtd, &stream, error) || !check_room(&mtd, size, error) ||
	    !stream_write(&stream, error))
		return false;
	mtd.at = 0;
	return !job->verify || stream_compare(&stream, error);
}

static bool check_kind(const WriterJob *job, FlashKind kind, const char *instead, GError **error)
{
	const char *path = job->slot->device;
	g_auto(Flash) flash = { 0 };

	if (!writer_check_size(job, error) || !flash_find(&flash, FLASH_SYSFS, path, error))
		return false;
	if (flash.kind != FLASH_UBI_VOLUME && flash.kind != kind)
		return fail(error, FAILURE_UNSUPPORTED,
		            "%s is an MTD of type '%s', which a slot of type %s cannot be; "
		            "type=%s is for it",
		            path, flash.title, slot_type_name(job->slot->type), instead);
	return mtd_check(path, job->bytes->size, error);
}

static bool check_nand(const WriterJob *job, GError **error)
{
	return check_kind(job, FLASH_NAND, "nor", error);
}

static bool check_nor(const WriterJob *job, GError **error)
{
	return check_kind(job, FLASH_NOR, "nand", error);
}

/* Through /dev/mtdblock3 the kernel itself erases what is written; a disk can be named too. */
static bool is_block_device(const WriterJob *job)
{
	return !flash_is_at(job->slot->device);
}

static bool check_jffs2(const WriterJob *job, GError **error)
{
	if (is_block_device(job))
		return writer_raw.check(job, error);
	return writer_check_size(job, error) &&
	       mtd_check(job->slot->device, job->bytes->size, error);
}

static bool write_jffs2(WriterJob *job, GError **error)
{
	return is_block_device(job) ? writer_raw.write(job, error) : write_mtd(job, error);
}

const Writer writer_nand = { .name = "nand", .check = check_nand, .write = write_mtd };

const Writer writer_nor = { .name = "nor", .check = check_nor, .write = write_mtd };

const Writer writer_jffs2 = { .name = "jffs2", .check = check_jffs2, .write = write_jffs2 };
