/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What lies on the server that is none.
 */

#include <stdint.h>

#define REMOTE_SIZE (40 * 1024 * 1024 + 4321)

static inline uint8_t remote_byte(uint64_t at)
{
	return (uint8_t)(at * 13 + (at >> 16));
}
