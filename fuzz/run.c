/* SPDX-License-Identifier: MIT */

/* Runs a harness over files, and over the files in folders. */

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>

#include "fuzz.h"

static unsigned run_path(const char *path)
{
	g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
	g_autoptr(GError) error = NULL;
	g_autofree char *data = NULL;
	unsigned n = 0;
	gsize size;

	if (folder) {
		for (const char *name; (name = g_dir_read_name(folder));) {
			g_autofree char *inner = g_build_filename(path, name, NULL);

			n += run_path(inner);
		}
		return n;
	}
	if (!g_file_get_contents(path, &data, &size, &error)) {
		fprintf(stderr, "%s\n", error->message);
		return 0;
	}

	/* A copy without the NUL behind it, so that reading over the end shows. */
	g_autofree uint8_t *exact = g_memdup2(data, size);
	LLVMFuzzerTestOneInput(exact, size);
	return 1;
}

int main(int argc, char **argv)
{
	unsigned n = 0;

	for (int i = 1; i < argc; i++)
		n += run_path(argv[i]);
	printf("%u inputs\n", n);
	return n == 0; /* a corpus that is not found is no success */
}
