/* SPDX-License-Identifier: MIT */

/*
 * All entries are listed once when mounting: bundles have few, and answers then need no
 * look into the image. Content is read through the same Source the installation uses, so every
 * byte that a hook sees was checked.
 */

#define FUSE_USE_VERSION 31

#include "bundle/expose_fuse.h"

#include <errno.h>
#include <fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/error.h"

#define FUSE_DEVICE "/dev/fuse"

struct ExposeFuse {
	Squashfs *files;
	GHashTable *nodes; /* path -> Node */
	/* Open files. The kernel tells of the last close when it likes: what it has not told
	 * of when the mount goes is closed then. Only the thread that serves uses it. */
	GPtrArray *open;
	char *folder;
	struct fuse *fuse;
	GThread *thread;
};

typedef struct {
	SquashfsEntry entry;
	GPtrArray *names; /* of a folder: what is in it, borrowed from the paths */
} Node;

static void node_free(void *data)
{
	Node *node = data;

	squashfs_entry_clear(&node->entry);
	g_clear_pointer(&node->names, g_ptr_array_unref);
	g_free(node);
}

static Node *node_add(ExposeFuse *expose, char *path_take, const SquashfsEntry *entry)
{
	Node *node = g_new0(Node, 1);

	node->entry = *entry;
	node->entry.target = g_strdup(entry->target);
	if (entry->type == SQUASHFS_FOLDER)
		node->names = g_ptr_array_new();
	g_hash_table_insert(expose->nodes, path_take, node);
	return node;
}

/* FUSE's paths begin with '/', those of the walk do not. */
static bool list(void *user, const char *path, const SquashfsEntry *entry, GError **error)
{
	ExposeFuse *expose = user;
	char *full = g_strconcat("/", path, NULL);
	char *slash = strrchr(full, '/');
	g_autofree char *folder =
		slash == full ? g_strdup("/") : g_strndup(full, (gsize)(slash - full));
	Node *parent = g_hash_table_lookup(expose->nodes, folder);

	if (!parent || !parent->names) {
		g_free(full);
		return fail(error, FAILURE_FORMAT, "squashfs: %s is in no folder", path);
	}
	g_ptr_array_add(parent->names, slash + 1);
	node_add(expose, full, entry);
	return true;
}

static Node *find(const char *path)
{
	ExposeFuse *expose = fuse_get_context()->private_data;

	return g_hash_table_lookup(expose->nodes, path);
}

static mode_t type_bits(SquashfsType type)
{
	return type == SQUASHFS_FOLDER    ? S_IFDIR
	       : type == SQUASHFS_FILE    ? S_IFREG
	       : type == SQUASHFS_SYMLINK ? S_IFLNK
	       : type == SQUASHFS_FIFO    ? S_IFIFO
	                                  : S_IFREG;
}

static int op_getattr(const char *path, struct stat *st, struct fuse_file_info *info G_GNUC_UNUSED)
{
	const Node *node = find(path);

	if (!node)
		return -ENOENT;
	*st = (struct stat){ .st_mode = type_bits(node->entry.type) | node->entry.mode,
		             .st_nlink = 1,
		             .st_uid = node->entry.uid,
		             .st_gid = node->entry.gid,
		             .st_size = (off_t)node->entry.size,
		             .st_blocks = (blkcnt_t)((node->entry.size + 511) / 512),
		             .st_mtim.tv_sec = node->entry.mtime };
	return 0;
}

static int op_readlink(const char *path, char *to, size_t size)
{
	const Node *node = find(path);

	if (!node || !node->entry.target)
		return -EINVAL;
	g_strlcpy(to, node->entry.target, size);
	return 0;
}

static int op_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t at G_GNUC_UNUSED,
                      struct fuse_file_info *info G_GNUC_UNUSED,
                      enum fuse_readdir_flags flags G_GNUC_UNUSED)
{
	const Node *node = find(path);

	if (!node || !node->names)
		return -ENOTDIR;
	fill(buffer, ".", NULL, 0, 0);
	fill(buffer, "..", NULL, 0, 0);
	for (unsigned i = 0; i < node->names->len; i++)
		fill(buffer, node->names->pdata[i], NULL, 0, 0);
	return 0;
}

static int op_open(const char *path, struct fuse_file_info *info)
{
	ExposeFuse *expose = fuse_get_context()->private_data;
	const Node *node = find(path);
	g_autoptr(GError) error = NULL;

	if (!node || node->entry.type != SQUASHFS_FILE)
		return -ENOENT;
	if ((info->flags & O_ACCMODE) != O_RDONLY)
		return -EROFS;
	Source *source = squashfs_open_inode(expose->files, &node->entry, &error);
	if (!source) {
		g_warning("%s: %s", path, error->message);
		return -EIO;
	}
	g_ptr_array_add(expose->open, source);
	info->fh = (uint64_t)(uintptr_t)source;
	info->keep_cache = 1;
	return 0;
}

static int op_read(const char *path, char *to, size_t size, off_t at, struct fuse_file_info *info)
{
	Source *source = (Source *)(uintptr_t)info->fh;
	g_autoptr(GError) error = NULL;

	if (at < 0 || (uint64_t)at >= source->size)
		return 0;
	size = (size_t)MIN(size, source->size - (uint64_t)at);
	size = MIN(size, (size_t)G_MAXINT);
	if (!source_read_at(source, to, size, (uint64_t)at, &error)) {
		g_warning("%s: %s", path, error->message);
		return -EIO;
	}
	return (int)size;
}

static int op_release(const char *path G_GNUC_UNUSED, struct fuse_file_info *info)
{
	ExposeFuse *expose = fuse_get_context()->private_data;

	g_ptr_array_remove_fast(expose->open, (Source *)(uintptr_t)info->fh);
	return 0;
}

static const struct fuse_operations operations = {
	.getattr = op_getattr,
	.readlink = op_readlink,
	.readdir = op_readdir,
	.open = op_open,
	.read = op_read,
	.release = op_release,
};

static void *serve(void *data)
{
	ExposeFuse *expose = data;

	fuse_loop(expose->fuse);
	return NULL;
}

static bool list_all(ExposeFuse *expose, GError **error)
{
	SquashfsEntry root;

	if (!squashfs_find(expose->files, "", &root, error))
		return false;
	node_add(expose, g_strdup("/"), &root);
	squashfs_entry_clear(&root);
	return squashfs_walk(expose->files, "", list, expose, error);
}

static bool mount_at(ExposeFuse *expose, const char *folder, GError **error)
{
	const char *words[] = { "rauc",
		                "-oro,nodev,nosuid,fsname=rauc-bundle,default_permissions" };
	struct fuse_args args = FUSE_ARGS_INIT(2, (char **)words);

	expose->fuse = fuse_new(&args, &operations, sizeof(operations), expose);
	fuse_opt_free_args(&args);
	if (!expose->fuse)
		return fail(error, FAILURE_UNSUPPORTED, "libfuse3 does not start");
	if (fuse_mount(expose->fuse, folder) < 0)
		return fail(error, FAILURE_UNSUPPORTED, "cannot mount at %s", folder);
	expose->thread = g_thread_new("expose", serve, expose);
	return true;
}

ExposeFuse *expose_fuse_mount(Squashfs *files, const char *folder, GError **error)
{
	if (!g_file_test(FUSE_DEVICE, G_FILE_TEST_EXISTS))
		return fail_null(error, FAILURE_UNSUPPORTED, "there is no " FUSE_DEVICE);

	ExposeFuse *expose = g_new0(ExposeFuse, 1);
	expose->files = squashfs_ref(files);
	expose->folder = g_strdup(folder);
	expose->nodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, node_free);
	expose->open = g_ptr_array_new_with_free_func((GDestroyNotify)source_unref);
	if (list_all(expose, error) && mount_at(expose, folder, error))
		return expose;
	expose_fuse_unmount(expose);
	return NULL;
}

static void end(ExposeFuse *expose)
{
	g_clear_pointer(&expose->fuse, fuse_destroy);
	g_ptr_array_unref(expose->open);
	g_hash_table_unref(expose->nodes);
	squashfs_unref(expose->files);
	g_free(expose->folder);
	g_free(expose);
}

void expose_fuse_unmount(ExposeFuse *expose)
{
	if (expose->thread) {
		struct statvfs st;

		/* Behind this question all closes stand that the kernel has not told of yet. */
		(void)statvfs(expose->folder, &st);
		fuse_exit(expose->fuse);
		fuse_unmount(expose->fuse); /* wakes the loop */
		g_thread_join(expose->thread);
	}
	end(expose);
}

void expose_fuse_serve(ExposeFuse *expose)
{
	g_thread_join(expose->thread); /* the loop ends with the mount */
	fuse_unmount(expose->fuse);
	end(expose);
}
