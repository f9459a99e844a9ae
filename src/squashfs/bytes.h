/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Little-endian numbers at any address.
 */

#include <glib.h>
#include <stdint.h>
#include <string.h>

static inline unsigned bytes_u16(const uint8_t *at)
{
	return at[0] | (unsigned)at[1] << 8;
}

static inline uint32_t bytes_u32(const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return GUINT32_FROM_LE(value);
}

static inline uint64_t bytes_u64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return GUINT64_FROM_LE(value);
}
