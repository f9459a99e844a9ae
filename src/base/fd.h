/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * File descriptors: whole reads and writes, and getting bytes onto the medium.
 *
 * Reads and writes are exact or fail; EINTR is handled. `what` names the file
 * in messages.
 */

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Closes at the end of the scope: `fd_auto int fd = open(...)`. */
#define fd_auto __attribute__((cleanup(fd_clear)))
void fd_clear(int *fd);
static inline int fd_steal(int *fd)
{
	int stolen = *fd;

	*fd = -1;
	return stolen;
}

/* open(2) with O_CLOEXEC; -1 and `error` on failure. */
int fd_open(const char *path, int flags, unsigned mode, GError **error);

bool fd_read_at(int fd, void *to, size_t size, uint64_t at, const char *what, GError **error);
bool fd_write_at(int fd, const void *from, size_t size, uint64_t at, const char *what,
                 GError **error);
bool fd_write(int fd, const void *from, size_t size, const char *what, GError **error);

/* close(2) whose error counts: delayed write errors of network file systems. */
bool fd_close(int *fd, const char *what, GError **error);

bool fd_sync(int fd, const char *what, GError **error);

/* fsync of the folder that holds `path`, so that a rename or creation lasts. */
bool fd_sync_folder_of(const char *path, GError **error);

/* Size of a regular file or block device. */
bool fd_size(int fd, const char *what, uint64_t *size, GError **error);
