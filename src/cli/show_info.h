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

/* Readable output ends with an empty line. */
void show_info(GString *to, const ShowInfo *info, OutputFormat format, OutputLook look);
/* The end of readable output, behind what is dumped: who signed it. */
void show_info_signers(GString *to, const ShowInfo *info);
