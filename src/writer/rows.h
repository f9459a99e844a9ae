/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The writers themselves, one file each; writer.c has the table.
 */

#include "writer/writer.h"

extern const Writer writer_raw;        /* bytes onto a device */
extern const Writer writer_filesystem; /* the same for a file system, which may then grow */
