/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* Filters for seccomp(2), needing no_new_privs. False: this kernel, or this processor, is not known; errno is set. */

/* Everything that has nothing to do with being a client is refused. */
bool sandbox_filter_calls(void);
/* As is opening a file for writing. */
bool sandbox_filter_writing(void);
