/* SPDX-License-Identifier: MIT */

#include "install/reuse.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "crypto/digest.h"
#include "system/slot_data.h"
#include "writer/target.h"

#define METHOD     "block-hash-index"
#define ROOM_SHARE 64 /* of the image: more than its index and the plan take */
#define COPY_PART  (256 * 1024)

struct Reuse {
	const StepContext *context;
	const PlanStep *step;
	const char *folder;  /* data directory */
	char *old_sha256;    /* of what the slot has, NULL: nobody vouches for it */
	const Slot *running; /* of the same class, NULL: none */
	HashIndex *wanted, *target, *other;
	Adaptive adaptive;
	bool is_on;
};

G_GNUC_PRINTF(2, 3)
static void tell(const Reuse *reuse, const char *format, ...)
{
	const InstallEvents *events = reuse->context->events;
	va_list args;

	va_start(args, format);
	g_autofree char *text = g_strdup_vprintf(format, args);
	va_end(args);
	if (events->message)
		events->message(events->user, text);
}

static System *system_of(const Reuse *reuse)
{
	return reuse->context->facts.system;
}

/* NULL: no status vouches for what the slot has. */
static const char *vouched_sha256(const Reuse *reuse, const Slot *slot)
{
	const SlotStatus *status = system_status(system_of(reuse), slot);

	return g_strcmp0(status->status, "ok") == 0 ? status->sha256 : NULL;
}

static bool is_same_digest(const char *one, const char *other)
{
	return one && other && g_ascii_strcasecmp(one, other) == 0;
}

static const Slot *find_running(const Reuse *reuse)
{
	const GPtrArray *slots = system_config(system_of(reuse))->slots;

	for (unsigned i = 0; i < slots->len; i++) {
		const Slot *slot = slots->pdata[i];

		if (slot != reuse->step->slot &&
		    g_str_equal(slot->class, reuse->step->slot->class) &&
		    system_state(system_of(reuse), slot)->activity != SLOT_INACTIVE &&
		    (slot->type == SLOT_RAW || slot_type_is_mountable(slot->type)))
			return slot;
	}
	return NULL;
}

/* --- Indexes of slots ----------------------------------------------------------- */

static HashIndex *kept_index(const Reuse *reuse, const Slot *slot, const char *sha256,
                             uint64_t image_size, GError **error)
{
	g_autoptr(Source) file = slot_data_open_index(reuse->folder, slot, sha256, error);

	return file ? hash_index_open(file, image_size, error) : NULL;
}

/* How much of the device is the image's. */
static Source *open_content(const Slot *slot, const SlotStatus *status, GError **error)
{
	g_autoptr(Source) device = target_open_source(slot->device, error);

	if (!device)
		return NULL;
	uint64_t size = status->size ? MIN(device->size, status->size) : device->size;
	return source_slice_new(device, 0, size - size % HASH_INDEX_CHUNK, error);
}

/* Where the content is no longer what the status says, nobody is to take the index for that of
 * the image. */
static bool make_index(const Reuse *reuse, const Slot *slot, const SlotStatus *status,
                       const char *sha256, const char **made_of, GError **error)
{
	g_autoptr(Source) content = open_content(slot, status, error);
	uint8_t whole[DIGEST_SIZE];

	if (!content ||
	    !slot_data_check_room(reuse->folder, content->size / HASH_INDEX_CHUNK * DIGEST_SIZE,
	                          error))
		return false;
	tell(reuse, "Building new hash index for %s with %" G_GUINT64_FORMAT " chunks", slot->name,
	     content->size / HASH_INDEX_CHUNK);
	fd_auto int fd = slot_data_new_index(reuse->folder, slot, error);
	if (fd < 0 || !hash_index_create(content, fd, reuse->context->pool, whole, error))
		return false;
	g_autofree char *hex = digest_hex(whole, DIGEST_SIZE);
	*made_of = content->size == status->size && is_same_digest(hex, sha256) ? sha256 : NULL;
	return slot_data_keep_index(reuse->folder, slot, &fd, *made_of, error);
}

/* `sha256`: of the image it has, as far as somebody vouches for it. */
static HashIndex *slot_index(const Reuse *reuse, const Slot *slot, const char *sha256,
                             GError **error)
{
	const SlotStatus *status = system_status(system_of(reuse), slot);
	HashIndex *kept = kept_index(reuse, slot, sha256, 0, NULL);
	const char *made_of = NULL;

	if (kept)
		return kept;
	if (!make_index(reuse, slot, status, sha256, &made_of, error))
		return NULL;
	return kept_index(reuse, slot, made_of, 0, error);
}

/* A slot without an index is only one seed less. */
static HashIndex *seed_index(const Reuse *reuse, const Slot *slot, const char *sha256)
{
	g_autoptr(GError) error = NULL;
	HashIndex *index = slot_index(reuse, slot, sha256, &error);

	if (!index)
		g_message("slot %s is no seed: %s", slot->name, error->message);
	slot_data_drop_new_index(reuse->folder, slot);
	return index;
}

/* --- The image's ---------------------------------------------------------------- */

static Source *bundle_index(const Reuse *reuse, GError **error)
{
	const Image *image = reuse->step->image;
	g_autofree char *name = g_strconcat(image->filename, HASH_INDEX_SUFFIX, NULL);

	return bundle_open_member(reuse->context->facts.bundle, name, error);
}

/* Who has this very image has its index too: nothing is to be fetched. */
static Source *local_index(const Reuse *reuse)
{
	const char *sha256 = reuse->step->image->sha256;
	uint64_t size = reuse->step->bytes->size / HASH_INDEX_CHUNK * DIGEST_SIZE;
	const Slot *slots[] = { reuse->step->slot, reuse->running };

	for (unsigned i = 0; i < G_N_ELEMENTS(slots); i++) {
		const char *vouched = i == 0           ? reuse->old_sha256
		                      : reuse->running ? vouched_sha256(reuse, slots[i])
		                                       : NULL;
		if (!is_same_digest(vouched, sha256))
			continue;
		/* that of the target has been put aside already */
		Source *file =
			slot_data_open_index(reuse->folder, slots[i], i == 0 ? NULL : sha256, NULL);
		if (file && file->size == size)
			return file;
		source_unref(file);
	}
	return NULL;
}

static bool copy_to(Source *from, int to, GError **error)
{
	g_autofree uint8_t *part = g_malloc(COPY_PART);

	source_prefetch(from, from->size, 0);
	for (uint64_t at = 0; at < from->size; at += COPY_PART) {
		size_t size = (size_t)MIN(COPY_PART, from->size - at);

		if (!source_read_at(from, part, size, at, error) ||
		    !fd_write_at(to, part, size, at, "the block hash index", error))
			return false;
	}
	return true;
}

/* Once it lies beside the slot, an installation that is cut short leaves what the next one needs
 * to find all that was written. */
static HashIndex *wanted_index(Reuse *reuse, GError **error)
{
	const Slot *slot = reuse->step->slot;
	const char *sha256 = reuse->step->image->sha256;
	uint64_t size = reuse->step->bytes->size;
	HashIndex *left = kept_index(reuse, slot, sha256, size, NULL);

	if (left) {
		reuse->adaptive.n_likely = size;
		return left;
	}
	g_autoptr(Source) file = local_index(reuse);
	if (!file && !(file = bundle_index(reuse, error)))
		return NULL;
	if (file->size != size / HASH_INDEX_CHUNK * DIGEST_SIZE || size % HASH_INDEX_CHUNK)
		return fail_null(error, FAILURE_FORMAT,
		                 "block hash index of %" G_GUINT64_FORMAT
		                 " bytes: an image of %" G_GUINT64_FORMAT " bytes has another",
		                 file->size, size);
	fd_auto int fd = slot_data_new_index(reuse->folder, slot, error);
	if (fd < 0 || !copy_to(file, fd, error) ||
	    !slot_data_keep_index(reuse->folder, slot, &fd, sha256, error))
		return NULL;
	return kept_index(reuse, slot, sha256, size, error);
}

static bool prepare(Reuse *reuse, GError **error)
{
	Adaptive *adaptive = &reuse->adaptive;
	const Slot *slot = reuse->step->slot;

	reuse->running = find_running(reuse);
	if (reuse->running && vouched_sha256(reuse, reuse->running))
		slot_data_tidy(reuse->folder, reuse->running,
		               vouched_sha256(reuse, reuse->running));
	if (!slot_data_check_room(reuse->folder, reuse->step->bytes->size / ROOM_SHARE, error))
		return false;
	adaptive->plan = slot_data_scratch(reuse->folder, slot, error);
	if (adaptive->plan < 0 || !(reuse->wanted = wanted_index(reuse, error)))
		return false;
	adaptive->wanted = reuse->wanted;
	adaptive->target = reuse->target = seed_index(reuse, slot, NULL);
	if (!reuse->running)
		return true;
	reuse->other = seed_index(reuse, reuse->running, vouched_sha256(reuse, reuse->running));
	if (!reuse->other)
		return true;
	adaptive->others[adaptive->n_others++] =
		(AdaptiveOther){ reuse->running->name, reuse->running->device, reuse->other };
	return true;
}

/* --- For the step --------------------------------------------------------------- */

/* Does the image ask for it, and can it be done? If not, why. */
static bool is_wanted(const PlanStep *step, const char *folder)
{
	const char *const *methods = (const char *const *)step->image->adaptive;
	const char *name = step->image->filename;

	if (!methods || !methods[0])
		return false;
	if (!g_strv_contains(methods, METHOD)) {
		g_message("image '%s': no adaptive method is known (of '%s'): written as it is",
		          name, methods[0]);
		return false;
	}
	if (!step->writer || !step->writer->is_adaptive || !step->bytes || !step->image->sha256) {
		g_message("image '%s': adaptive method '" METHOD
		          "' is of no use for slot %s: written as it is",
		          name, step->slot->name);
		return false;
	}
	if (!folder)
		g_message("Ignoring adaptive method since 'data-directory' is not configured");
	return folder != NULL;
}

Reuse *reuse_prepare(const StepContext *context, const PlanStep *step)
{
	const char *folder = system_config(context->facts.system)->data_directory;
	bool wants = is_wanted(step, folder);
	g_autoptr(GError) error = NULL;

	if (!folder)
		return NULL;
	Reuse *reuse = g_new0(Reuse, 1);
	reuse->context = context;
	reuse->step = step;
	reuse->folder = folder;
	reuse->old_sha256 = g_strdup(vouched_sha256(reuse, step->slot));
	reuse->adaptive.plan = -1;
	if (!slot_data_begin(folder, step->slot, reuse->old_sha256, &error) ||
	    (wants && !prepare(reuse, &error))) {
		if (!g_error_matches(error, FAILURE, FAILURE_CANCELLED))
			g_warning("Continuing after adaptive mode error: %s", error->message);
		fd_clear(&reuse->adaptive.plan);
		slot_data_drop_new_index(folder, step->slot);
	}
	reuse->is_on = wants && !error;
	return reuse;
}

Adaptive *reuse_adaptive(Reuse *reuse)
{
	return reuse && reuse->is_on ? &reuse->adaptive : NULL;
}

void reuse_keep(Reuse *reuse)
{
	if (!reuse)
		return;

	const Slot *slot = reuse->step->slot;
	const Adaptive *adaptive = &reuse->adaptive;
	const char *sha256 = reuse->step->image->sha256;
	if (adaptive->n_wrong)
		g_warning("the block hash index of image '%s' is that of another image: not kept",
		          reuse->step->image->filename);
	if (!reuse->is_on || adaptive->has_failed || adaptive->n_wrong)
		slot_data_drop_index(reuse->folder, slot, sha256);
	slot_data_tidy(reuse->folder, slot, sha256);
}

void reuse_free(Reuse *reuse)
{
	if (!reuse)
		return;
	hash_index_free(reuse->wanted);
	hash_index_free(reuse->target);
	hash_index_free(reuse->other);
	fd_clear(&reuse->adaptive.plan);
	g_free(reuse->old_sha256);
	g_free(reuse);
}
