/* SPDX-License-Identifier: MIT */
#pragma once

/* The numbers of the system calls that a client of a server has no use for; `*n` of them. */
const int *sandbox_calls(unsigned *n);
