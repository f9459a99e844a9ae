/* SPDX-License-Identifier: MIT */

#include "system/journal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "system/slot_data.h"

#define NAME       "write-journal"
#define MAGIC      "RAUCWJ01"
#define MAGIC_SIZE 8
#define HEAD_SIZE  128
#define PART       (1024 * 1024)
#define MAX_PARTS  (1 << 17) /* of an image of 128 GiB: a file of 4 MiB */

struct Journal {
	const char *folder; /* the data directory */
	char *path;
	uint8_t head[HEAD_SIZE];
	uint64_t n_parts; /* of the image */
	uint8_t *known;
	uint64_t n_known;
	int fd; /* -1: nothing was written yet */
	bool has_failed;
};

static void make_head(uint8_t head[HEAD_SIZE], const uint8_t sha256[DIGEST_SIZE], uint64_t size)
{
	uint64_t little = GUINT64_TO_LE(size);

	memset(head, 0, HEAD_SIZE);
	memcpy(head, MAGIC, MAGIC_SIZE);
	memcpy(head + 8, sha256, DIGEST_SIZE);
	memcpy(head + 40, &little, sizeof(little));
	digest_bytes(head, 48, head + 48);
}

/* Of another image, of another version, torn: nothing is known. */
static void load(Journal *journal)
{
	g_autofree char *text = NULL;
	size_t size;

	if (!g_file_test(journal->path, G_FILE_TEST_EXISTS))
		return;
	text = file_read(journal->path, HEAD_SIZE + (size_t)journal->n_parts * DIGEST_SIZE, &size,
	                 NULL);
	if (!text || size < HEAD_SIZE || memcmp(text, journal->head, HEAD_SIZE) != 0)
		return;
	journal->n_known = (size - HEAD_SIZE) / DIGEST_SIZE;
	journal->known = g_memdup2(text + HEAD_SIZE, (size_t)journal->n_known * DIGEST_SIZE);
}

Journal *journal_open(const char *folder, const Slot *slot, const char *sha256, uint64_t size)
{
	uint8_t digest[DIGEST_SIZE];

	if (!folder || !sha256 || !size || size > (uint64_t)MAX_PARTS * PART ||
	    !digest_parse_hex(sha256, digest, DIGEST_SIZE))
		return NULL;
	Journal *journal = g_new0(Journal, 1);
	g_autofree char *own = slot_data_folder(folder, slot);
	journal->folder = folder;
	journal->path = g_build_filename(own, NAME, NULL);
	journal->n_parts = (size + PART - 1) / PART;
	journal->fd = -1;
	make_head(journal->head, digest, size);
	load(journal);
	return journal;
}

void journal_free(Journal *journal)
{
	if (!journal)
		return;
	fd_clear(&journal->fd);
	g_free(journal->known);
	g_free(journal->path);
	g_free(journal);
}

const uint8_t *journal_known(const Journal *journal, uint64_t *n)
{
	*n = journal->n_known;
	return journal->known;
}

/* The file of this image: the one that was found, or a new one. */
static bool begin(Journal *journal, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(journal->path);

	if (journal->fd >= 0)
		return true;
	/* the status of the slot is more important */
	if (!journal->n_known &&
	    (!slot_data_check_room(journal->folder, HEAD_SIZE + journal->n_parts * DIGEST_SIZE,
	                           error) ||
	     !file_make_folders(folder, 0700, error) ||
	     !file_replace(journal->path, (const char *)journal->head, HEAD_SIZE, 0600, error)))
		return false;
	journal->fd = fd_open(journal->path, O_WRONLY | O_NOFOLLOW, 0, error);
	return journal->fd >= 0;
}

void journal_put(void *user, uint64_t first, const uint8_t *digests, size_t n)
{
	Journal *journal = user;
	g_autoptr(GError) error = NULL;

	if (journal->has_failed)
		return;
	g_assert(first + n <= journal->n_parts);
	if (begin(journal, &error) &&
	    fd_write_at(journal->fd, digests, n * DIGEST_SIZE, HEAD_SIZE + first * DIGEST_SIZE,
	                journal->path, &error) &&
	    fd_sync(journal->fd, journal->path, &error))
		return;
	journal->has_failed = true;
	g_warning("%s; an update that is cut short will start over", error->message);
}
