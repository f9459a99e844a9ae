/* SPDX-License-Identifier: MIT */

#include "boot/uboot_check.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define LARGEST  (1024 * 1024) /* an environment beyond this is a mistake */
#define SMALLEST 0x100
#define COPIES   2
#define PATIENCE 50 /* tenths of a second that another program may keep the lock */

typedef struct {
	char *device;
	guint64 offset, size;
	uint8_t *bytes; /* from offset, as many as there are up to LARGEST */
	size_t n_bytes;
} Copy;

typedef struct {
	const char *config;
	Copy copies[COPIES];
	unsigned n;
} Place;

static void place_clear(Place *place)
{
	for (unsigned i = 0; i < COPIES; i++) {
		g_free(place->copies[i].device);
		g_free(place->copies[i].bytes);
	}
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

/* CRC-32 as U-Boot has it. */
static uint32_t crc_of(const uint8_t *bytes, size_t size)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* Is it an environment of this size, with or without the flags of a redundant one? */
static bool is_sound(const Copy *copy, size_t size, bool has_flags)
{
	size_t head = has_flags ? 5 : 4;
	uint32_t found;

	if (size <= head || size > copy->n_bytes)
		return false;
	memcpy(&found, copy->bytes, sizeof(found));
	return GUINT32_FROM_LE(found) == crc_of(copy->bytes + head, size - head);
}

static bool is_filled_with(const Copy *copy, uint8_t byte)
{
	for (size_t i = 0; i < copy->size && i < copy->n_bytes; i++) {
		if (copy->bytes[i] != byte)
			return false;
	}
	return true;
}

static bool take_number(const char *word, guint64 *number)
{
	char *end = NULL;

	*number = word ? g_ascii_strtoull(word, &end, 0) : 0;
	return word && end != word && !*end;
}

static bool take_line(Place *place, unsigned number, const char *line, GError **error)
{
	g_auto(GStrv) all = g_strsplit_set(line, " \t", -1);
	const char *words[3] = { NULL };
	unsigned n = 0;
	Copy copy = { NULL };

	for (char **word = all; *word && n < G_N_ELEMENTS(words); word++) {
		if (**word)
			words[n++] = *word;
	}
	if (!take_number(words[1], &copy.offset) || !take_number(words[2], &copy.size) ||
	    copy.size < SMALLEST || copy.size > LARGEST)
		return fail(error, FAILURE_CONFIG,
		            "%s, line %u: expected DEVICE OFFSET SIZE, found '%s'", place->config,
		            number, line);
	if (place->n == COPIES)
		return fail(error, FAILURE_CONFIG, "%s, line %u: an environment has two copies",
		            place->config, number);
	copy.device = g_strdup(words[0]);
	place->copies[place->n++] = copy;
	return true;
}

static bool read_config(Place *place, GError **error)
{
	g_autofree char *text = NULL;
	g_autoptr(GError) why = NULL;

	if (!g_file_get_contents(place->config, &text, NULL, &why))
		return fail(error, FAILURE_CONFIG,
		            "nothing says where the environment lies: %s; write a line with "
		            "device, offset and size for each copy",
		            why->message);

	g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
	for (unsigned i = 0; lines[i]; i++) {
		const char *line = g_strstrip(lines[i]);

		if (*line && *line != '#' && !take_line(place, i + 1, line, error))
			return false;
	}
	if (!place->n)
		return fail(error, FAILURE_CONFIG, "%s names no device", place->config);
	return true;
}

/* Not by opening it for writing: that alone makes udev look at a block device anew. */
static bool check_writable(const Copy *copy, GError **error)
{
	fd_auto int fd = open(copy->device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat status;
	int is_protected = 0;

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		return fail_errno(error, "the environment's device %s is not there", copy->device);
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail_errno(error, "cannot open the environment's device %s", copy->device);
	if (S_ISBLK(status.st_mode) && ioctl(fd, BLKROGET, &is_protected) == 0 && is_protected)
		return fail(error, FAILURE_IO,
		            "the environment's device %s is write-protected; a boot partition of "
		            "an eMMC is opened by 0 in its force_ro in /sys/class/block",
		            copy->device);
	if (access(copy->device, W_OK) < 0)
		return fail_errno(error, "the environment's device %s cannot be written",
		                  copy->device);
	return true;
}

/* What is there, which may be less than there should be. */
static bool read_bytes(Copy *copy, GError **error)
{
	fd_auto int fd = fd_open(copy->device, O_RDONLY | O_NONBLOCK, 0, error);
	ssize_t n = 1;

	if (fd < 0)
		return false;
	copy->bytes = g_malloc(LARGEST);
	while (n > 0 && copy->n_bytes < LARGEST) {
		n = pread(fd, copy->bytes + copy->n_bytes, LARGEST - copy->n_bytes,
		          (off_t)(copy->offset + copy->n_bytes));
		if (n > 0)
			copy->n_bytes += (size_t)n;
	}
	if (n < 0 && copy->n_bytes < copy->size)
		return fail_errno(error, "cannot read the environment on %s", copy->device);
	if (copy->n_bytes < copy->size)
		return fail(error, FAILURE_CONFIG,
		            "%s ends before the environment does: offset 0x%" G_GINT64_MODIFIER
		            "x and size 0x%" G_GINT64_MODIFIER "x do not fit on it",
		            copy->device, copy->offset, copy->size);
	return true;
}

/* Why these bytes are no environment, where that can be seen. */
static char *explain(const Place *place, const Copy *copy)
{
	bool has_flags = place->n == COPIES;

	if (is_filled_with(copy, 0) || is_filled_with(copy, 0xff))
		return g_strdup_printf(
			"there is nothing but 0x%02x: the offset is wrong, or none was "
			"ever saved",
			copy->bytes[0]);
	if (is_sound(copy, copy->size, !has_flags))
		return g_strdup(has_flags
		                        ? "it is one that is kept once, not redundant: name it in "
		                          "one line, or build U-Boot with a redundant one"
		                        : "it is one of a redundant environment: name both "
		                          "copies, each in a line");
	for (size_t size = SMALLEST; size <= LARGEST; size *= 2) {
		if (is_sound(copy, size, true) || is_sound(copy, size, false))
			return g_strdup_printf("its size is 0x%zx", size);
	}
	return g_strdup("the offset or the size is wrong, or it is damaged");
}

static bool check_copy(const Place *place, unsigned i, GError **error)
{
	const Copy *copy = &place->copies[i];

	if (is_sound(copy, copy->size, place->n == COPIES))
		return true;

	g_autofree char *why = explain(place, copy);
	unsigned n_sound = 0;
	for (unsigned other = 0; other < place->n; other++)
		n_sound += is_sound(&place->copies[other], place->copies[other].size, true);
	return fail(error, FAILURE_INTEGRITY,
	            "%s at 0x%" G_GINT64_MODIFIER "x, size 0x%" G_GINT64_MODIFIER
	            "x, has no environment with a right checksum: %s%s",
	            copy->device, copy->offset, copy->size, why,
	            n_sound ? "; the other copy is sound, the next change repairs this one" : "");
}

bool uboot_check(const char *config, GError **error)
{
	g_auto(Place) place = { .config = config };

	if (!read_config(&place, error))
		return false;
	for (unsigned i = 0; i < place.n; i++) {
		if (!check_writable(&place.copies[i], error) ||
		    !read_bytes(&place.copies[i], error))
			return false;
	}
	for (unsigned i = 0; i < place.n; i++) {
		if (!check_copy(&place, i, error))
			return false;
	}
	if (place.n < COPIES)
		return fail(error, FAILURE_CONFIG,
		            "%s names one copy of the environment: power lost while it is written "
		            "leaves none; make it redundant",
		            config);
	return true;
}

bool uboot_check_lock(const char *path, GError **error)
{
	fd_auto int fd = fd_open(path, O_WRONLY | O_CREAT, 0666, error);

	if (fd < 0)
		return false;
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return fail_errno(error, "cannot lock %s", path);
		if (i == PATIENCE)
			return fail(error, FAILURE_BUSY,
			            "another program keeps the environment locked (%s)", path);
		g_usleep(G_USEC_PER_SEC / 10);
	}
	return true;
}
