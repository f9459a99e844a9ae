/* SPDX-License-Identifier: MIT */

#include "bundle/access.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"

/* Not every kernel header has all of them. */
#define MAGIC_EXFAT 0x2011BAB0
#define MAGIC_FUSE  0x65735546
#define MAGIC_JFFS2 0x72b6
#define MAGIC_NTFS  0x5346544e
#define MAGIC_NTFS3 0x7366746e
#define MAGIC_ROMFS 0x7275
#define MAGIC_UBIFS 0x24051905
#define MAGIC_UDF   0x15013346
#define MAGIC_ZFS   0x2fc12fc1
#define MAGIC_XFS   0x58465342
#define MAGIC_HOST  0x00c0ffee

typedef enum { TRUST_NEVER, TRUST_DEVICE, TRUST_ALWAYS } Trust;

static const struct {
	uint32_t magic;
	Trust trust; /* TRUST_DEVICE: if the device it lies on belongs to root */
} file_systems[] = {
	{ MAGIC_FUSE, TRUST_NEVER },
	{ NFS_SUPER_MAGIC, TRUST_NEVER },
	{ AFS_SUPER_MAGIC, TRUST_DEVICE },
	{ BTRFS_SUPER_MAGIC, TRUST_DEVICE },
	{ CRAMFS_MAGIC, TRUST_DEVICE },
	{ MAGIC_EXFAT, TRUST_DEVICE },
	{ EXT4_SUPER_MAGIC, TRUST_DEVICE },
	{ F2FS_SUPER_MAGIC, TRUST_DEVICE },
	{ ISOFS_SUPER_MAGIC, TRUST_DEVICE },
	{ MAGIC_JFFS2, TRUST_DEVICE },
	{ MSDOS_SUPER_MAGIC, TRUST_DEVICE },
	{ MAGIC_NTFS, TRUST_DEVICE },
	{ MAGIC_NTFS3, TRUST_DEVICE },
	{ MAGIC_ROMFS, TRUST_DEVICE },
	{ SQUASHFS_MAGIC, TRUST_DEVICE },
	{ MAGIC_UDF, TRUST_DEVICE },
	{ MAGIC_XFS, TRUST_DEVICE },
	{ MAGIC_HOST, TRUST_ALWAYS },
	{ OVERLAYFS_SUPER_MAGIC, TRUST_ALWAYS },
	{ RAMFS_MAGIC, TRUST_ALWAYS },
	{ TMPFS_MAGIC, TRUST_ALWAYS },
	{ MAGIC_UBIFS, TRUST_ALWAYS },
	{ MAGIC_ZFS, TRUST_ALWAYS },
};

/* The mount table line of the device: its node must belong to root. */
static bool check_device(dev_t device, GError **error)
{
	g_autofree char *table = file_read("/proc/self/mounts", 16 << 20, NULL, error);

	if (!table)
		return false;
	g_auto(GStrv) lines = g_strsplit(table, "\n", -1);
	for (char **line = lines; *line; line++) {
		g_auto(GStrv) fields = g_strsplit(*line, " ", 2);
		struct stat st;

		if (!fields[0] || !g_path_is_absolute(fields[0]) || stat(fields[0], &st) < 0 ||
		    !S_ISBLK(st.st_mode) || st.st_rdev != device)
			continue;
		if (st.st_uid != 0)
			return fail(error, FAILURE_UNSAFE, "unsafe uid 0%o for mounted device %s",
			            st.st_uid, fields[0]);
		return true;
	}
	return fail(error, FAILURE_UNSAFE, "unable to find mounted device for bundle");
}

static bool check_file_system(int fd, const struct stat *st, GError **error)
{
	struct stat root;
	struct statfs fs;

	if (stat("/", &root) == 0 && root.st_dev == st->st_dev)
		return true;
	if (fstatfs(fd, &fs) < 0)
		return fail_errno(error, "cannot examine the file system of the bundle");
	for (unsigned i = 0; i < G_N_ELEMENTS(file_systems); i++) {
		if (file_systems[i].magic != (uint32_t)fs.f_type)
			continue;
		if (file_systems[i].trust == TRUST_DEVICE)
			return check_device(st->st_dev, error);
		return file_systems[i].trust == TRUST_ALWAYS ||
		       fail(error, FAILURE_UNSAFE, "bundle is stored on an unsafe filesystem");
	}
	return fail(error, FAILURE_UNSAFE, "bundle is stored on an unknown filesystem (type=%x)",
	            (unsigned)fs.f_type);
}

/* A read lease is only given while nobody has the file open for writing. */
static bool check_lease(int fd, GError **error)
{
	if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) {
		if (errno == EAGAIN)
			return fail(error, FAILURE_BUSY,
			            "could not ensure exclusive bundle access (F_SETLEASE): "
			            "EAGAIN: existing open file descriptor");
		if (errno == EACCES)
			return fail(error, FAILURE_UNSAFE,
			            "could not ensure exclusive bundle access (F_SETLEASE): "
			            "EACCES: missing capability CAP_LEASE?");
		return fail_errno(error, "could not ensure exclusive bundle access (F_SETLEASE)");
	}

	bool is_held = fcntl(fd, F_GETLEASE) == F_RDLCK;
	if (fcntl(fd, F_SETLEASE, F_UNLCK) < 0)
		return fail_errno(error, "could not give back the lease on the bundle");
	return is_held || fail(error, FAILURE_BUSY, "could not ensure exclusive bundle access");
}

bool access_check(int fd, GError **error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(error, "cannot examine the bundle");
	if (!S_ISREG(st.st_mode))
		return fail(error, FAILURE_UNSAFE, "unsafe bundle type: not a regular file");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return fail(error, FAILURE_UNSAFE, "unsafe bundle uid %u", st.st_uid);
	if (st.st_mode & 07777 & ~0755)
		return fail(error, FAILURE_UNSAFE, "unsafe bundle permissions 0%o",
		            st.st_mode & 07777);
	return check_file_system(fd, &st, error) && check_lease(fd, error);
}

static bool take_over(int fd, GError **error)
{
	ERROR_WHILE(error, "failed to take ownership of bundle");
	struct stat st;

	if (fstat(fd, &st) < 0)
		return fail_errno(error, "cannot examine it");
	if (!S_ISREG(st.st_mode))
		return fail(error, FAILURE_UNSAFE, "not a regular file");
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		if (geteuid() != 0)
			return fail(error, FAILURE_UNSAFE, "only root can");
		if (fchown(fd, 0, (gid_t)-1) < 0)
			return fail_errno(error, "cannot change its owner");
	}
	if ((st.st_mode & 07777) != (st.st_mode & 0644) && fchmod(fd, st.st_mode & 0644) < 0)
		return fail_errno(error, "cannot change its mode");
	return true;
}

bool access_enforce(int fd, GError **error)
{
	if (access_check(fd, NULL))
		return true;
	return take_over(fd, error) && access_check(fd, error);
}
