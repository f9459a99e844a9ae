/* SPDX-License-Identifier: MIT */

#include "bundle/predict.h"

#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/fd.h"
#include "bundle/images.h"
#include "source/hash_index.h"
#include "source/verity_tree.h"

#define BLOCK  4096
#define N_LEAF (BLOCK / DIGEST_SIZE) /* blocks below one of the hash tree */

/* The chunks of an image, and their numbers in order of (digest, number). */
typedef struct {
	char *name;
	HashIndex *index;
	uint32_t *order;
} Known;

struct PredictBase {
	char *path;
	Bundle *bundle;
	GPtrArray *images; /* of Known */
};

/* One byte a block of the payload: 1 is fetched. */
typedef struct {
	uint8_t *marks;
	uint64_t n_blocks;
} Fetched;

void prediction_free(Prediction *prediction)
{
	g_free(prediction->name);
	g_free(prediction);
}

/* --- What is known of an image --------------------------------------------------- */

static void known_free(void *data)
{
	Known *known = data;

	g_free(known->name);
	hash_index_free(known->index);
	g_free(known->order);
	g_free(known);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Known, known_free)

static int compare(const void *a, const void *b, void *user)
{
	uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
	int difference =
		memcmp(hash_index_digest(user, one), hash_index_digest(user, other), DIGEST_SIZE);

	if (difference)
		return difference;
	return one < other ? -1 : one > other;
}

/* Takes `index`. */
static Known *known_new(const Image *image, HashIndex *index)
{
	Known *known = g_new0(Known, 1);
	uint32_t n = hash_index_count(index);

	known->name = image->variant ? g_strconcat(image->class, ".", image->variant, NULL)
	                             : g_strdup(image->class);
	known->index = index;
	known->order = g_new(uint32_t, n);
	for (uint32_t i = 0; i < n; i++)
		known->order[i] = i;
	g_qsort_with_data(known->order, (int)n, sizeof(uint32_t), compare, index);
	return known;
}

static bool has_digest(const Known *known, const uint8_t *digest)
{
	uint32_t low = 0, high = hash_index_count(known->index);

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int difference = memcmp(hash_index_digest(known->index, known->order[middle]),
		                        digest, DIGEST_SIZE);

		if (difference == 0)
			return true;
		if (difference < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static HashIndex *compute_index(Source *bytes, Pool *pool, GError **error)
{
	fd_auto int fd = memfd_create("index", MFD_CLOEXEC);
	uint8_t whole[DIGEST_SIZE];

	if (fd < 0) {
		fail_errno(error, "cannot keep a block hash index");
		return NULL;
	}
	if (!hash_index_create(bytes, fd, pool, whole, error))
		return NULL;
	int taken = fd;
	fd = -1;
	g_autoptr(Source) index = source_file_take(taken, "a block hash index", error);
	return index ? hash_index_load(index, bytes->size, error) : NULL;
}

static HashIndex *load_index(const Bundle *bundle, const Image *image, uint64_t size,
                             GError **error)
{
	g_autofree char *name = g_strconcat(image->filename, HASH_INDEX_SUFFIX, NULL);
	g_autoptr(Source) source = bundle_open_member(bundle, name, error);

	return source ? hash_index_load(source, size, error) : NULL;
}

/* --- What devices have ----------------------------------------------------------- */

static bool take_image(PredictBase *base, const Image *image, Pool *pool, GError **error)
{
	g_autoptr(Source) bytes = bundle_open_member(base->bundle, image->filename, error);

	if (!bytes)
		return false;
	if (!hash_index_check_size(bytes->size, NULL))
		return true; /* nothing a device could use */
	HashIndex *index = images_has_index(image)
	                           ? load_index(base->bundle, image, bytes->size, error)
	                           : compute_index(bytes, pool, error);
	if (index)
		g_ptr_array_add(base->images, known_new(image, index));
	return index != NULL;
}

static bool take_images(PredictBase *base, Pool *pool, GError **error)
{
	const Manifest *manifest = bundle_manifest(base->bundle);

	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		if (image->filename && !image->artifact && !images_is_archive(image) &&
		    !take_image(base, image, pool, error))
			return false;
	}
	return true;
}

Bundle *predict_open(const char *path, GError **error)
{
	BundleFile *file = bundle_file_open(path, BUNDLE_MAX_CMS, error);
	g_autoptr(Bundle) bundle = file ? bundle_believe(file, error) : NULL;

	return bundle && bundle_open_payload(bundle, error) ? g_steal_pointer(&bundle) : NULL;
}

PredictBase *predict_base_open(const char *path, Pool *pool, GError **error)
{
	g_autofree char *doing = g_strdup_printf("--from=%s", path);
	ERROR_WHILE(error, doing);
	g_autoptr(PredictBase) base = g_new0(PredictBase, 1);

	base->path = g_strdup(path);
	base->images = g_ptr_array_new_with_free_func(known_free);
	base->bundle = predict_open(path, error);
	return base->bundle && take_images(base, pool, error) ? g_steal_pointer(&base) : NULL;
}

void predict_base_free(PredictBase *base)
{
	if (!base)
		return;
	g_free(base->path);
	bundle_free(base->bundle);
	g_ptr_array_unref(base->images);
	g_free(base);
}

const char *predict_base_path(const PredictBase *base)
{
	return base->path;
}

const Manifest *predict_base_manifest(const PredictBase *base)
{
	return bundle_manifest(base->bundle);
}

/* --- What is fetched ------------------------------------------------------------- */

/* Marks what these bytes lie in; what is new of it, in bytes. */
static uint64_t fetch(Fetched *fetched, SquashfsBlock block)
{
	uint64_t n = 0;

	if (block.size == 0)
		return 0;
	for (uint64_t i = block.at / BLOCK;
	     i <= (block.at + block.size - 1) / BLOCK && i < fetched->n_blocks; i++) {
		n += !fetched->marks[i];
		fetched->marks[i] = 1;
	}
	return n * BLOCK;
}

static uint64_t fetch_file(Fetched *fetched, const Source *file, uint32_t block_size)
{
	uint64_t n = 0;

	for (uint64_t at = 0; at < file->size; at += block_size)
		n += fetch(fetched, squashfs_find_block(file, at));
	return n;
}

/* The blocks of the hash tree above what is fetched. Uses up the marks. */
static bool fetch_tree(Fetched *fetched, uint64_t *size, GError **error)
{
	VerityLayout layout;

	*size = 0;
	if (!verity_tree_layout(fetched->n_blocks * BLOCK, &layout, error))
		return false;
	for (unsigned level = 0; level < layout.n_levels; level++) {
		for (uint64_t i = 0; i < layout.n_blocks[level]; i++) {
			const uint8_t *below = fetched->marks + i * N_LEAF;
			uint64_t n = MIN(N_LEAF, fetched->n_blocks - i * N_LEAF);

			fetched->marks[i] = memchr(below, 1, n) != NULL;
			*size += fetched->marks[i] * BLOCK;
		}
		fetched->n_blocks = layout.n_blocks[level];
	}
	return true;
}

/* Chunks [first, last) in order have one digest: the first can stand for the others. */
static void judge(Prediction *prediction, Fetched *fetched, const Known *base, const Known *new,
                  uint32_t first, uint32_t last, const Source *bytes)
{
	static const uint8_t zero[HASH_INDEX_CHUNK];
	const uint8_t *digest = hash_index_digest(new->index, new->order[first]);
	uint64_t size = (uint64_t)(last - first) * HASH_INDEX_CHUNK;
	uint8_t of_zero[DIGEST_SIZE];

	digest_bytes(zero, sizeof(zero), of_zero);
	if (memcmp(digest, of_zero, DIGEST_SIZE) == 0) {
		prediction->zero += size;
	} else if (base && has_digest(base, digest)) {
		prediction->reused += size;
	} else {
		uint64_t at = (uint64_t) new->order[first] * HASH_INDEX_CHUNK;

		prediction->missing += HASH_INDEX_CHUNK;
		prediction->repeated += size - HASH_INDEX_CHUNK;
		prediction->blocks += fetch(fetched, squashfs_find_block(bytes, at));
	}
}

static uint64_t count_writes(const Known *base, const Known *new)
{
	uint32_t n_base = base ? hash_index_count(base->index) : 0, n = 0;

	for (uint32_t i = 0; i < hash_index_count(new->index); i++)
		n += i >= n_base || memcmp(hash_index_digest(base->index, i),
		                           hash_index_digest(new->index, i), DIGEST_SIZE) != 0;
	return (uint64_t)n * HASH_INDEX_CHUNK;
}

static const Known *find_known(const PredictBase *base, const char *name)
{
	for (unsigned i = 0; i < base->images->len; i++) {
		const Known *known = base->images->pdata[i];

		if (g_str_equal(known->name, name))
			return known;
	}
	return NULL;
}

static void judge_all(Prediction *prediction, Fetched *fetched, const Known *base, const Known *new,
                      const Source *bytes)
{
	uint32_t n = hash_index_count(new->index);

	for (uint32_t first = 0, last; first < n; first = last) {
		const uint8_t *digest = hash_index_digest(new->index, new->order[first]);

		for (last = first + 1; last < n; last++) {
			if (memcmp(hash_index_digest(new->index, new->order[last]), digest,
			           DIGEST_SIZE) != 0)
				break;
		}
		judge(prediction, fetched, base, new, first, last, bytes);
	}
}

static Prediction *predict(const PredictBase *base, const Bundle *bundle, const Image *image,
                           GError **error)
{
	g_autoptr(Prediction) prediction = g_new0(Prediction, 1);
	g_autofree char *index_name = g_strconcat(image->filename, HASH_INDEX_SUFFIX, NULL);
	g_autoptr(Source) bytes = bundle_open_member(bundle, image->filename, error);
	g_autoptr(Source) index_file = bytes ? bundle_open_member(bundle, index_name, error) : NULL;
	HashIndex *index = index_file ? hash_index_load(index_file, bytes->size, error) : NULL;
	Squashfs *files = bundle_files(bundle);
	const BundleFile *file = bundle_file(bundle);
	uint64_t data_size = bundle_file_payload_size(file) - bundle_manifest(bundle)->verity_size;

	if (!index)
		return NULL;
	g_autoptr(Known) new = known_new(image, index);
	g_autofree uint8_t *marks = g_malloc0(data_size / BLOCK);
	Fetched fetched = { marks, data_size / BLOCK };
	const Known *known = find_known(base, new->name);

	prediction->name = g_strdup(new->name);
	prediction->has_base = known != NULL;
	prediction->size = bytes->size;
	prediction->tables = fetch(&fetched, (SquashfsBlock){ 0, 1 }) +
	                     fetch(&fetched, squashfs_find_tables(files));
	prediction->index = fetch_file(&fetched, index_file, squashfs_block_size(files));
	judge_all(prediction, &fetched, known, new, bytes);
	prediction->writes = count_writes(known, new);
	if (!fetch_tree(&fetched, &prediction->tree, error))
		return NULL;
	prediction->signature = g_bytes_get_size(bundle_file_cms(file)) + sizeof(uint64_t);
	prediction->download = prediction->tables + prediction->index + prediction->blocks +
	                       prediction->tree + prediction->signature;
	return g_steal_pointer(&prediction);
}

GPtrArray *predict_run(const PredictBase *base, const Bundle *bundle, GError **error)
{
	g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func((GDestroyNotify)prediction_free);
	const Manifest *manifest = bundle_manifest(bundle);

	if (manifest->format == MANIFEST_PLAIN) {
		fail(error, FAILURE_CONFIG,
		     "a plain bundle is fetched whole, whatever a device "
		     "has: put format=verity into its manifest");
		return NULL;
	}
	for (unsigned i = 0; i < manifest->images->len; i++) {
		const Image *image = manifest->images->pdata[i];

		if (!images_has_index(image) || image->artifact)
			continue;
		Prediction *prediction = predict(base, bundle, image, error);
		if (!prediction)
			return NULL;
		g_ptr_array_add(all, prediction);
	}
	return g_steal_pointer(&all);
}
