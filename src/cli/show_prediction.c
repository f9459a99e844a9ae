/* SPDX-License-Identifier: MIT */

#include "cli/show_prediction.h"

#include "cli/output.h"

#define MIB (1024.0 * 1024.0)

static void append_share(GString *to, const char *before, uint64_t part, uint64_t whole)
{
	g_string_append_printf(to, "%s%.2f MiB of %.2f MiB (%.1f %%)", before, (double)part / MIB,
	                       (double)whole / MIB,
	                       whole ? 100.0 * (double)part / (double)whole : 0.0);
}

static void append_people(GString *to, const Prediction *prediction, uint64_t bundle_size)
{
	g_string_append_printf(to, "  %s: ", prediction->name);
	append_share(to, "download ", prediction->download, bundle_size);
	append_share(to, ", reuse ", prediction->size - prediction->missing, prediction->size);
	append_share(to, ", write ", prediction->writes, prediction->size);
	g_string_append(to, prediction->has_base ? "\n" : ": the old bundle has no such image\n");
}

static void append_number(GString *to, const char *key, uint64_t value)
{
	g_string_append_printf(to, " %s=%" G_GUINT64_FORMAT, key, value);
}

static void append_program(GString *to, const PredictBase *base, const Prediction *prediction,
                           uint64_t bundle_size)
{
	g_string_append(to, "prediction image=");
	output_append_safe(to, prediction->name);
	append_number(to, "bundle", bundle_size);
	append_number(to, "download", prediction->download);
	append_number(to, "tables", prediction->tables);
	append_number(to, "index", prediction->index);
	append_number(to, "blocks", prediction->blocks);
	append_number(to, "tree", prediction->tree);
	append_number(to, "signature", prediction->signature);
	append_number(to, "size", prediction->size);
	append_number(to, "reused", prediction->reused);
	append_number(to, "zero", prediction->zero);
	append_number(to, "repeated", prediction->repeated);
	append_number(to, "missing", prediction->missing);
	append_number(to, "writes", prediction->writes);
	g_string_append(to, " base=");
	output_append_safe(to, predict_base_path(base));
	g_string_append_c(to, '\n');
}

void show_prediction(GString *to, const PredictBase *base, const Bundle *bundle,
                     const GPtrArray *predictions)
{
	const BundleFile *file = bundle_file(bundle);
	const char *version = predict_base_manifest(base)->version;
	uint64_t size = bundle_file_payload_size(file) + g_bytes_get_size(bundle_file_cms(file)) +
	                sizeof(uint64_t);

	g_string_append(to, "A device that has '");
	output_append_safe(to, predict_base_path(base));
	g_string_append(to, "' (version ");
	output_append_safe(to, version ? version : "unknown");
	g_string_append(to, predictions->len ? ") will need:\n"
	                                     : ") will need all of it: no image has "
	                                       "adaptive=block-hash-index\n");
	for (unsigned i = 0; i < predictions->len; i++)
		append_people(to, predictions->pdata[i], size);
	for (unsigned i = 0; i < predictions->len; i++)
		append_program(to, base, predictions->pdata[i], size);
}
