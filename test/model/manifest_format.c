/* SPDX-License-Identifier: MIT */

#include "model/manifest.h"

#include <glib/gstdio.h>
#include <string.h>

#include "base/error.h"
#include "test/model/corpus.h"

#define DIGEST "f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6f7b6"

/* Every key, in the order that is signed. */
static const char stored[] = "[update]\n"
			     "compatible=X\n"
			     "version=1\n"
			     "description=\\stwo\\nlines\n"
			     "build=b\n"
			     "min-rauc-version=1.15\n"
			     "\n"
			     "[bundle]\n"
			     "crypt-key=" DIGEST "\n"
			     "format=crypt\n"
			     "verity-hash=" DIGEST "\n"
			     "verity-salt=" DIGEST "\n"
			     "verity-size=4096\n"
			     "\n"
			     "[handler]\n"
			     "filename=handler.sh\n"
			     "args=-v \"a b\"\n"
			     "\n"
			     "[hooks]\n"
			     "filename=hook.sh\n"
			     "hooks=install-check;\n"
			     "\n"
			     "[image.rootfs]\n"
			     "sha256=" DIGEST "\n"
			     "size=40960\n"
			     "filename=r.img\n"
			     "hooks=pre-install;post-install;\n"
			     "adaptive=block-hash-index;\n"
			     "\n"
			     "[image.appfs.foo]\n"
			     "sha256=" DIGEST "\n"
			     "size=2\n"
			     "filename=a.tar.gz\n"
			     "type=tar\n"
			     "convert=tar-extract;keep;\n"
			     "converted=a.tar.gz.extracted;a.tar.gz;\n"
			     "\n"
			     "[image.data]\n"
			     "type=emptyfs\n"
			     "\n"
			     "[image.mcu]\n"
			     "type=flash\n"
			     "hooks=install;\n"
			     "\n"
			     "[image.files/x]\n"
			     "sha256=" DIGEST "\n"
			     "size=40960\n"
			     "filename=r.img\n"
			     "\n"
			     "[meta.zz]\n"
			     "key-one=foo bar\n"
			     "a=b\n"
			     "\n"
			     "[meta.aa]\n"
			     "k=;\n";

static void test_stored(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Manifest) manifest = manifest_parse(stored, strlen(stored), &error);

	g_assert_no_error(error);
	manifest_check_external(manifest, &error);
	g_assert_no_error(error);

	g_autofree char *text = manifest_format(manifest);
	g_assert_cmpstr(text, ==, stored);
}

static const struct {
	const char *in, *out;
} written[] = {
	/* plain is written where it was said */
	{ "[update]\ncompatible=X\n", "[update]\ncompatible=X\n" },
	{ "[bundle]\nformat=plain\n[update]\ncompatible=X\n",
	  "[update]\ncompatible=X\n\n[bundle]\nformat=plain\n" },
	/* what is not there is not written, neither are comments and [rollout] */
	{ "# c\n[update]\nversion=\ncompatible = X \n[hooks]\nhooks=\n[rollout]\na=b\n",
	  "[update]\ncompatible=X \n" },
	/* without a file there is nothing to sum up */
	{ "[update]\ncompatible=X\n[hooks]\nfilename=h\n[image.a]\nsize=3\nhooks=install\n",
	  "[update]\ncompatible=X\n\n[hooks]\nfilename=h\n\n[image.a]\nhooks=install;\n" },
	/* hooks have an order of their own */
	{ "[update]\ncompatible=X\n[image.a]\nfilename=a.img\nhooks=post-install;pre-install\n",
	  "[update]\ncompatible=X\n\n[image.a]\nfilename=a.img\nhooks=pre-install;post-install;\n" },
};

static void test_written(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(written); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(Manifest) manifest =
			manifest_parse(written[i].in, strlen(written[i].in), &error);

		g_assert_no_error(error);
		g_autofree char *text = manifest_format(manifest);
		g_assert_cmpstr(text, ==, written[i].out);
	}
}

static void assert_same_list(GStrv a, GStrv b)
{
	g_assert_cmpint(!a, ==, !b);
	if (a)
		g_assert_cmpstrv(a, b);
}

static void assert_same_image(const Image *a, const Image *b)
{
	g_assert_cmpstr(a->class, ==, b->class);
	g_assert_cmpstr(a->artifact, ==, b->artifact);
	g_assert_cmpstr(a->variant, ==, b->variant);
	g_assert_cmpstr(a->filename, ==, b->filename);
	g_assert_cmpint(a->type, ==, b->type);
	g_assert_cmpint(a->type_is_explicit, ==, b->type_is_explicit);
	g_assert_cmpstr(a->foreign_type, ==, b->foreign_type);
	g_assert_cmpint(a->hooks, ==, b->hooks);
	g_assert_cmpstr(a->sha256, ==, b->sha256);
	g_assert_cmpint(a->has_size, ==, b->has_size);
	g_assert_cmpuint(a->size, ==, b->size);
	assert_same_list(a->adaptive, b->adaptive);
	assert_same_list(a->convert, b->convert);
	assert_same_list(a->converted, b->converted);
}

static void assert_same_meta(const MetaGroup *a, const MetaGroup *b)
{
	g_assert_cmpstr(a->label, ==, b->label);
	g_assert_cmpuint(a->entries->len, ==, b->entries->len);
	for (unsigned i = 0; i < a->entries->len; i++) {
		const MetaEntry *x = a->entries->pdata[i], *y = b->entries->pdata[i];

		g_assert_cmpstr(x->key, ==, y->key);
		g_assert_cmpstr(x->value, ==, y->value);
	}
}

static void assert_same(const Manifest *a, const Manifest *b)
{
	g_assert_cmpstr(a->compatible, ==, b->compatible);
	g_assert_cmpstr(a->version, ==, b->version);
	g_assert_cmpstr(a->description, ==, b->description);
	g_assert_cmpstr(a->build, ==, b->build);
	g_assert_cmpstr(a->min_rauc_version, ==, b->min_rauc_version);
	g_assert_cmpint(a->format, ==, b->format);
	g_assert_cmpint(a->format_is_explicit, ==, b->format_is_explicit);
	g_assert_cmpstr(a->verity_hash, ==, b->verity_hash);
	g_assert_cmpstr(a->verity_salt, ==, b->verity_salt);
	g_assert_cmpuint(a->verity_size, ==, b->verity_size);
	g_assert_cmpstr(a->crypt_key, ==, b->crypt_key);
	g_assert_cmpstr(a->handler_filename, ==, b->handler_filename);
	g_assert_cmpstr(a->handler_args, ==, b->handler_args);
	g_assert_cmpstr(a->hook_filename, ==, b->hook_filename);
	g_assert_cmpint(a->has_install_check, ==, b->has_install_check);
	g_assert_cmpuint(a->images->len, ==, b->images->len);
	for (unsigned i = 0; i < a->images->len; i++)
		assert_same_image(a->images->pdata[i], b->images->pdata[i]);
	g_assert_cmpuint(a->meta->len, ==, b->meta->len);
	for (unsigned i = 0; i < a->meta->len; i++)
		assert_same_meta(a->meta->pdata[i], b->meta->pdata[i]);
}

static void check_round_trip(const char *path G_GNUC_UNUSED, const char *text, size_t size)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Manifest) first = manifest_parse(text, size, &error);
	g_autofree char *formatted = manifest_format(first);
	g_autoptr(Manifest) second = manifest_parse(formatted, strlen(formatted), &error);

	g_assert_no_error(error);
	assert_same(first, second);
}

static void test_round_trip(void)
{
	corpus_each("test/data/manifest/ok", ".raucm", check_round_trip);
}

/* What Debian's rauc puts into a bundle is what we make of it, byte for byte. */
static const struct {
	const char *format; /* "verity": compare what is signed, too */
	const char *manifest;
} peers[] = {
	{ "plain", "[update]\ncompatible=Board A\nversion=1;2\ndescription=\\sa\\nb\\\\c ü\n"
	           "build=7\n[bundle]\nformat=plain\n[hooks]\nhooks=install-check\n"
	           "filename=hook.sh\n[image.rootfs]\nhooks=post-install;pre-install\n"
	           "filename=rootfs.img\n[image.appfs.v.2]\nfilename=app.tar.gz\n" },
	{ "plain", "[update]\ncompatible=X\n[image.rootfs]\nfilename=rootfs.img\n" },
	{ "verity",
	  "# c\n[bundle]\nformat=verity\n[update]\ncompatible=X\n[handler]\nargs=-a \"b\"\n"
	  "filename=hook.sh\n[image.rootfs]\nadaptive=adaptive-test-method\n"
	  "filename=rootfs.img\n[image.data]\nfilename=app.tar.gz\n" },
};

/* The squashfs must not be tiny. */
static void write_contents(const char *folder, const char *manifest)
{
	static const char *const names[] = { "rootfs.img", "app.tar.gz", "hook.sh" };
	g_autofree char *manifest_path = g_build_filename(folder, "manifest.raucm", NULL);
	g_autofree guint32 *noise = g_new(guint32, 8192);

	for (unsigned i = 0; i < 8192; i++)
		noise[i] = g_random_int();
	g_assert_cmpint(g_mkdir(folder, 0700), ==, 0);
	g_assert_true(g_file_set_contents(manifest_path, manifest, -1, NULL));
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = g_build_filename(folder, names[i], NULL);

		g_assert_true(g_file_set_contents(path, (char *)noise, 32768, NULL));
		g_assert_cmpint(g_chmod(path, 0700), ==, 0);
	}
}

/* `signed` gets the content of the CMS, `inner` the manifest of the squashfs. */
static const char peer_script[] =
	"set -e; cd \"$1\"; rauc --cert \"$2/pki/demo/demo.cert.pem\" --key \"$2/pki/demo/demo.key.pem\""
	" bundle in out.raucb >log 2>&1;"
	"unsquashfs -quiet -no-progress -d root out.raucb manifest.raucm >>log 2>&1;"
	"mv root/manifest.raucm inner;"
	"size=$(printf '%d' 0x$(tail -c 8 out.raucb | od -An -tx1 | tr -d ' \\n'));"
	"tail -c $((size + 8)) out.raucb | head -c $size >cms;"
	"[ \"$3\" = plain ] || openssl cms -verify -noverify -binary -inform DER -in cms"
	" -out signed 2>>log";

static void assert_ours(const char *folder, const char *name)
{
	g_autofree char *path = g_build_filename(folder, name, NULL);
	g_autofree char *text = NULL;
	g_autoptr(GError) error = NULL;
	size_t size;

	g_assert_true(g_file_get_contents(path, &text, &size, NULL));
	g_autoptr(Manifest) manifest = manifest_parse(text, size, &error);
	g_assert_no_error(error);
	g_autofree char *ours = manifest_format(manifest);
	g_assert_cmpstr(ours, ==, text);
	if (g_str_equal(name, "signed"))
		manifest_check_external(manifest, &error);
	g_assert_no_error(error);
}

static void compare_with_peer(const char *format, const char *manifest)
{
	g_autofree char *folder = g_dir_make_tmp("manifest-XXXXXX", NULL);
	g_autofree char *in = g_build_filename(folder, "in", NULL);
	g_autofree char *root = g_get_current_dir();
	const char *argv[] = { "sh", "-c", peer_script, "sh", folder, root, format, NULL };
	const char *clean[] = { "rm", "-rf", folder, NULL };
	int status;

	write_contents(in, manifest);
	g_assert_true(g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
	                           NULL, &status, NULL));
	g_assert_cmpint(status, ==, 0);
	assert_ours(folder, "inner");
	if (!g_str_equal(format, "plain"))
		assert_ours(folder, "signed");
	g_assert_true(g_spawn_sync(NULL, (char **)clean, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL,
	                           NULL, NULL, NULL, NULL));
}

static void test_peer(void)
{
	static const char *const tools[] = { "rauc", "mksquashfs", "unsquashfs", "openssl" };

	for (unsigned i = 0; i < G_N_ELEMENTS(tools); i++) {
		g_autofree char *path = g_find_program_in_path(tools[i]);

		if (!path) {
			g_autofree char *reason = g_strconcat(tools[i], " is not installed", NULL);

			g_test_skip(reason);
			return;
		}
	}
	for (unsigned i = 0; i < G_N_ELEMENTS(peers); i++)
		compare_with_peer(peers[i].format, peers[i].manifest);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/manifest_format/stored", test_stored);
	g_test_add_func("/model/manifest_format/written", test_written);
	g_test_add_func("/model/manifest_format/round-trip", test_round_trip);
	g_test_add_func("/model/manifest_format/peer", test_peer);
	return g_test_run();
}
