/* SPDX-License-Identifier: MIT */

#include "cut.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/falloc.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR 512
#define NEVER  G_MAXUINT

typedef struct {
	uint64_t at;
	size_t size;
	uint8_t *data; /* NULL: a flush */
} Op;

static struct {
	bool is_on;
	dev_t device;
	ino_t inode;
	uint8_t *base;
	size_t size;
	GArray *ops;
	unsigned fail_from, lie_at;
} cut = { .fail_from = NEVER, .lie_at = NEVER };

static bool is_watched(int fd)
{
	struct stat st;

	return cut.is_on && fstat(fd, &st) == 0 && st.st_dev == cut.device &&
	       st.st_ino == cut.inode;
}

static bool is_dead(void)
{
	if (cut.ops->len < cut.fail_from)
		return false;
	errno = EIO;
	return true;
}

static void record(const void *data, size_t size, uint64_t at)
{
	Op op = { .at = at, .size = size };

	g_assert_cmpuint(at + size, <=, cut.size);
	op.data = data ? g_memdup2(data, size) : size ? g_malloc0(size) : NULL;
	g_array_append_val(cut.ops, op);
}

static void record_flush(void)
{
	record(NULL, 0, 0);
}

#define REAL(name, ...)                                                      \
	static __typeof__(&name) real;                                       \
	if (!real)                                                           \
		real = (__typeof__(&name))dlsym(RTLD_NEXT, REAL_NAME(name)); \
	(void)0

/* With 64-bit offsets the calls have other names in the C library. */
#define REAL_NAME(name)                                    \
	(strcmp(#name, "pwrite") == 0      ? "pwrite64"    \
	 : strcmp(#name, "fallocate") == 0 ? "fallocate64" \
	                                   : #name)

static ssize_t lied(int fd, const void *data, size_t size, off_t at,
                    ssize_t (*put)(int, const void *, size_t, off_t))
{
	/* As aligned as what it stands for. */
	g_autofree uint8_t *room = g_malloc(size + 8192);
	uint8_t *copy = (uint8_t *)(((uintptr_t)room + 4096) & ~(uintptr_t)4095);

	memcpy(copy, data, size);
	copy[size / 2] ^= 0x10;
	return put(fd, copy, size, at);
}

__attribute__((visibility("default"))) ssize_t pwrite(int fd, const void *data, size_t size,
                                                      off_t at)
{
	REAL(pwrite);
	if (!is_watched(fd))
		return real(fd, data, size, at);
	if (is_dead())
		return -1;
	ssize_t put = cut.ops->len == cut.lie_at ? lied(fd, data, size, at, real)
	                                         : real(fd, data, size, at);
	if (put > 0)
		record(data, (size_t)put, (uint64_t)at);
	if (put > 0 && fcntl(fd, F_GETFL) & O_DSYNC)
		record_flush();
	return put;
}

__attribute__((visibility("default"))) ssize_t write(int fd, const void *data, size_t size)
{
	REAL(write);
	if (!is_watched(fd))
		return real(fd, data, size);
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t put = pwrite(fd, data, size, at);
	if (put > 0)
		lseek(fd, at + put, SEEK_SET);
	return put;
}

__attribute__((visibility("default"))) int fallocate(int fd, int mode, off_t at, off_t size)
{
	REAL(fallocate);
	if (!is_watched(fd))
		return real(fd, mode, at, size);
	if (is_dead())
		return -1;
	g_assert_cmpint(mode, ==, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
	int result = real(fd, mode, at, size);
	if (result == 0)
		record(NULL, (size_t)size, (uint64_t)at);
	return result;
}

__attribute__((visibility("default"))) int fsync(int fd)
{
	REAL(fsync);
	if (!is_watched(fd))
		return real(fd);
	if (is_dead())
		return -1;
	record_flush();
	return real(fd);
}

__attribute__((visibility("default"))) int fdatasync(int fd)
{
	REAL(fdatasync);
	return is_watched(fd) ? fsync(fd) : real(fd);
}

static const Op *op_at(unsigned n)
{
	return &g_array_index(cut.ops, Op, n);
}

static void clear_op(void *op)
{
	g_free(((Op *)op)->data);
}

void cut_begin(const char *path)
{
	struct stat st;
	char *base = NULL;

	g_assert_cmpint(stat(path, &st), ==, 0);
	g_assert_true(g_file_get_contents(path, &base, &cut.size, NULL));
	cut.base = (uint8_t *)base;
	cut.device = st.st_dev;
	cut.inode = st.st_ino;
	cut.ops = g_array_new(FALSE, FALSE, sizeof(Op));
	g_array_set_clear_func(cut.ops, clear_op);
	cut.fail_from = cut.lie_at = NEVER;
	cut.is_on = true;
}

void cut_end(void)
{
	cut.is_on = false;
	g_clear_pointer(&cut.ops, g_array_unref);
	g_clear_pointer(&cut.base, g_free);
}

unsigned cut_count(void)
{
	return cut.ops->len;
}

bool cut_is_durable(void)
{
	return cut.ops->len == 0 || !op_at(cut.ops->len - 1)->data;
}

void cut_fail_from(unsigned n)
{
	cut.fail_from = n;
}

void cut_lie_at(unsigned n)
{
	cut.lie_at = n;
}

static void apply(uint8_t *disk, unsigned n, size_t most)
{
	const Op *op = op_at(n);

	if (op->data)
		memcpy(disk + op->at, op->data, MIN(op->size, most));
}

typedef struct {
	CutJudge judge;
	void *user;
	uint8_t *durable, *disk;
	unsigned from, to; /* the writes that are not yet flushed */
	unsigned n;
} Cuts;

/* What of the unflushed writes [from, to) there is: `only` (or all), without `less`, the last torn. */
static void left(Cuts *cuts, unsigned only, unsigned less, size_t last)
{
	g_autofree char *how = g_strdup_printf(
		"cut after operation %u of %u, flushed %u, of the rest only %d, not %d, the last "
		"one %zu bytes",
		cuts->to, cut.ops->len, cuts->from, (int)only, (int)less, last);

	memcpy(cuts->disk, cuts->durable, cut.size);
	for (unsigned n = cuts->from; n < cuts->to; n++) {
		if ((only == NEVER || n == only) && n != less)
			apply(cuts->disk, n, n + 1 == cuts->to ? last : SIZE_MAX);
	}
	cuts->judge(cuts->disk, cut.size, how, cuts->user);
	cuts->n++;
}

/* All sectors of a short write, a few of a long one. */
static void left_torn(Cuts *cuts)
{
	const Op *op = op_at(cuts->to - 1);
	size_t n_sectors = op->size / SECTOR, stride = n_sectors <= 64 ? 1 : n_sectors / 13;

	for (size_t k = 1; k < n_sectors; k += stride) {
		left(cuts, NEVER, NEVER, k * SECTOR);
		left(cuts, cuts->to - 1, NEVER, k * SECTOR);
	}
}

static void left_after(Cuts *cuts)
{
	left(cuts, NEVER, NEVER, SIZE_MAX);
	for (unsigned n = cuts->from; n < cuts->to; n++) {
		left(cuts, n, NEVER, SIZE_MAX);
		left(cuts, NEVER, n, SIZE_MAX);
	}
	if (cuts->to > cuts->from)
		left_torn(cuts);
}

unsigned cut_each(CutJudge judge, void *user)
{
	Cuts cuts = { .judge = judge, .user = user };

	cuts.durable = g_memdup2(cut.base, cut.size);
	cuts.disk = g_malloc(cut.size);
	for (unsigned n = 0; n <= cut.ops->len; n++) {
		cuts.to = n;
		left_after(&cuts);
		if (n == cut.ops->len || op_at(n)->data)
			continue;
		/* A flush: all before it lasts. */
		for (unsigned i = cuts.from; i < n; i++)
			apply(cuts.durable, i, SIZE_MAX);
		cuts.from = n + 1; /* the flush itself writes nothing */
	}
	g_free(cuts.durable);
	g_free(cuts.disk);
	return cuts.n;
}
