/* SPDX-License-Identifier: MIT */

/* rauc write-slot: an image file into a slot, with nothing around it. Nobody asks which slot is
 * booted, so that it also works where none is: on a device that is being filled. */

#include "base/error.h"
#include "base/fd.h"
#include "cli/command.h"
#include "cli/conf.h"
#include "cli/output.h"
#include "system/lock.h"
#include "writer/writer.h"

static bool find_type(const Options *options, const char *filename, ImageType *type)
{
	const char *name = options->image_type ? options->image_type : options->image_type_compat;

	if (!name) {
		*type = image_type_by_filename(filename);
		if (*type == IMAGE_UNKNOWN)
			output_complain("Unable to map extension of file '%s' to known image type",
			                filename);
	} else {
		*type = image_type_by_name(name);
		if (*type == IMAGE_UNKNOWN)
			output_complain("Unsupported image type '%s'", name);
	}
	return *type != IMAGE_UNKNOWN;
}

static const Slot *find_slot(const Config *config, const char *name)
{
	const Slot *slot = slot_find(config->slots, name);

	if (slot && slot->is_readonly) {
		output_complain("Reject writing to readonly slot");
		return NULL;
	}
	if (slot)
		return slot;
	output_complain("No matching slot found for given slot name '%s'.", name);
	output_complain("Available slots:");
	for (unsigned i = 0; i < config->slots->len; i++) {
		const Slot *other = config->slots->pdata[i];

		output_complain("  %s (%s)", other->name, slot_type_name(other->type));
	}
	return NULL;
}

static bool write_slot(const Config *config, const Writer *writer, WriterJob *job, GError **error)
{
	fd_auto int lock = lock_take(system_runtime_folder(), error);
	g_autoptr(Pool) pool = command_pool();

	job->pool = pool;
	job->mount_prefix = config->mount_prefix;
	job->verify = config->verify_written;
	return lock >= 0 && writer->check(job, error) && writer->write(job, error);
}

static int run(const Config *config, const Options *options, Source *bytes)
{
	g_autofree char *filename = g_path_get_basename(options->arguments[3]);
	Image image = { .filename = filename, .has_size = true, .size = bytes->size };
	g_autoptr(GError) error = NULL;
	const Slot *slot;

	if (!find_type(options, options->arguments[3], &image.type) ||
	    !(slot = find_slot(config, options->arguments[2])))
		return 1;
	image.class = slot->class;
	const Writer *writer = writer_find(image.type, slot->type, &error);
	if (!writer) {
		output_complain("%s", error->message);
		return 1;
	}
	WriterJob job = { .image = &image, .bytes = bytes, .slot = slot };
	if (!write_slot(config, writer, &job, &error)) {
		output_complain("Failed to write slot: %s", error->message);
		FailureFacts facts = failure_facts(error);
		output_hint(facts.name, facts.hint);
		return 1;
	}
	output_text("Slot written successfully\n");
	return 0;
}

int command_write_slot(const Options *options)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Config) config = conf_load(options, CONF_REQUIRED, &error);
	g_autoptr(Source) bytes = config ? source_file_open(options->arguments[3], &error) : NULL;

	if (!bytes) {
		output_complain("%s", error->message);
		return 1;
	}
	return run(config, options, bytes);
}
