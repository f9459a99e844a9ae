/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a bundle says of itself, as text (chapter 4.6). Pure: bytes are appended
 * to a string.
 */

#include "cli/output.h"
#include "model/manifest.h"

typedef struct {
	const Manifest *manifest;
	const char *hash;       /* of the manifest; NULL: unknown */
	bool is_encrypted;      /* the CMS was */
	const GPtrArray *chain; /* of SignerCert, leaf first; NULL: unverified */
} ShowInfo;

void show_info(GString *to, const ShowInfo *info, OutputFormat format, OutputLook look);
