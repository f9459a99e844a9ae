/* SPDX-License-Identifier: MIT */

/*
 * A read fetches whole sectors straight into the caller's memory and decrypts them
 * there; a first and a last one that are wanted in part take a detour. Ciphers wait
 * on a shelf between reads: to expand a key costs as much as to decrypt a sector.
 */

#include "source/crypt.h"

#include <string.h>

#include "base/error.h"
#include "base/fd.h"

#define SHELF 16
#define PART  (1024 * 1024) /* what a worker encrypts at once */

typedef struct {
	Source source;
	Source *below;
	uint8_t key[CIPHER_KEY_SIZE];
	Cipher *waiting[SHELF];
} CryptSource;

static Cipher *take_cipher(CryptSource *crypt)
{
	for (unsigned i = 0; i < SHELF; i++) {
		Cipher *cipher = g_atomic_pointer_exchange(&crypt->waiting[i], NULL);

		if (cipher)
			return cipher;
	}
	return cipher_new(crypt->key, false);
}

static void give_cipher(CryptSource *crypt, Cipher *cipher)
{
	for (unsigned i = 0; i < SHELF; i++)
		if (g_atomic_pointer_compare_and_exchange(&crypt->waiting[i], NULL, cipher))
			return;
	cipher_free(cipher);
}

static bool read_sectors(CryptSource *crypt, Cipher *cipher, uint8_t *to, size_t n, uint64_t sector,
                         GError **error)
{
	if (!source_read_at(crypt->below, to, n * CIPHER_SECTOR, sector * CIPHER_SECTOR, error))
		return false;
	cipher_run(cipher, to, n, sector);
	return true;
}

static bool read_with(CryptSource *crypt, Cipher *cipher, uint8_t *to, size_t size, uint64_t at,
                      GError **error)
{
	uint8_t part[CIPHER_SECTOR];

	while (size > 0) {
		uint64_t sector = at / CIPHER_SECTOR;
		size_t offset = at % CIPHER_SECTOR, n;

		if (offset == 0 && size >= CIPHER_SECTOR) {
			n = size - size % CIPHER_SECTOR;
			if (!read_sectors(crypt, cipher, to, n / CIPHER_SECTOR, sector, error))
				return false;
		} else {
			n = MIN(size, CIPHER_SECTOR - offset);
			if (!read_sectors(crypt, cipher, part, 1, sector, error))
				return false;
			memcpy(to, part + offset, n);
		}
		to += n;
		at += n;
		size -= n;
	}
	return true;
}

static bool crypt_read_at(Source *source, void *to, size_t size, uint64_t at, GError **error)
{
	CryptSource *crypt = (CryptSource *)source;
	Cipher *cipher = take_cipher(crypt);
	bool ok = read_with(crypt, cipher, to, size, at, error);

	give_cipher(crypt, cipher);
	return ok;
}

static void crypt_prefetch(Source *source, uint64_t size, uint64_t at)
{
	CryptSource *crypt = (CryptSource *)source;
	uint64_t first = at - at % CIPHER_SECTOR;
	uint64_t end = (at + size + CIPHER_SECTOR - 1) / CIPHER_SECTOR * CIPHER_SECTOR;

	source_prefetch(crypt->below, end - first, first);
}

static void crypt_free(Source *source)
{
	CryptSource *crypt = (CryptSource *)source;

	for (unsigned i = 0; i < SHELF; i++)
		cipher_free(crypt->waiting[i]);
	source_unref(crypt->below);
	cipher_wipe(crypt->key, sizeof(crypt->key));
	g_free(crypt);
}

static const SourceOps crypt_ops = {
	.kind = "crypt",
	.read_at = crypt_read_at,
	.prefetch = crypt_prefetch,
	.free = crypt_free,
};

static bool check_size(const Source *source, GError **error)
{
	return source->size % CIPHER_SECTOR == 0 ||
	       fail(error, FAILURE_FORMAT,
	            "crypt: data size (%" G_GUINT64_FORMAT ") is not a multiple of 4096 bytes",
	            source->size);
}

Source *source_crypt_new(Source *below, const uint8_t key[CIPHER_KEY_SIZE], GError **error)
{
	if (!check_size(below, error))
		return NULL;

	CryptSource *crypt = g_new0(CryptSource, 1);
	source_init(&crypt->source, &crypt_ops, below->size);
	crypt->below = source_ref(below);
	memcpy(crypt->key, key, sizeof(crypt->key));
	return &crypt->source;
}

/* --- Encrypting ------------------------------------------------------------- */

typedef struct {
	Source *plain;
	int fd;
	const uint8_t *key;
} Job;

static size_t item_size(const Job *job, uint64_t item)
{
	return (size_t)MIN(PART, job->plain->size - item * PART);
}

static void *produce(void *user, uint64_t item, GError **error)
{
	const Job *job = user;
	g_autofree uint8_t *part = g_malloc(PART);
	g_autoptr(Cipher) cipher = cipher_new(job->key, true);
	size_t size = item_size(job, item);

	if (!source_read_at(job->plain, part, size, item * PART, error))
		return NULL;
	cipher_run(cipher, part, size / CIPHER_SECTOR, item * (PART / CIPHER_SECTOR));
	return g_steal_pointer(&part);
}

static bool consume(void *user, uint64_t item, void *owned, GError **error)
{
	const Job *job = user;
	g_autofree uint8_t *part = owned;

	return fd_write_at(job->fd, part, item_size(job, item), item * PART,
	                   "the encrypted payload", error);
}

static void discard(void *user G_GNUC_UNUSED, void *made)
{
	g_free(made);
}

bool source_crypt_encrypt(Source *plain, int fd, const uint8_t key[CIPHER_KEY_SIZE], Pool *pool,
                          GError **error)
{
	static const PoolWork work = { produce, consume, discard };
	Job job = { plain, fd, key };

	return check_size(plain, error) &&
	       pool_run(pool, (plain->size + PART - 1) / PART, &work, &job, error);
}
