/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a device that runs one bundle will fetch and write for another, before anybody installs it.
 *
 *   new bundle  |super|▮▯▯▯▮▮▯▯ image ▯▯▯▮▯▯▯|▮ index ▮|▮ tables ▮|▮▯▯▮ hash tree|▮ CMS ▮
 *
 * Fetched (▮) are, in blocks of 4096 bytes, the smallest that can be verified: what finds the
 * files, the index, each squashfs block with a chunk that is neither in the old image nor zero
 * nor earlier in the new one, and the part of the hash tree above all of them. A reader that
 * asks for larger pieces fetches more.
 */

#include "base/pool.h"
#include "bundle/bundle.h"

/* An image with a block hash index; all numbers are bytes. */
typedef struct {
	char *name; /* class, or class.variant */
	bool has_base;
	uint64_t size;
	/* Where its chunks come from; together they are `size`. */
	uint64_t reused, zero, repeated, missing;
	uint64_t writes; /* not the same as at the same place of the old image */
	/* What is fetched of the bundle for it alone. */
	uint64_t tables, index, blocks, tree, signature, download;
} Prediction;

void prediction_free(Prediction *prediction);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Prediction, prediction_free)

typedef struct PredictBase PredictBase;

/* The bundle that devices have. Who signed it does not matter; indexes it does not carry are
 * computed. Refuses one that is encrypted for somebody. */
PredictBase *predict_base_open(const char *path, Pool *pool, GError **error);
void predict_base_free(PredictBase *base);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PredictBase, predict_base_free)

const char *predict_base_path(const PredictBase *base);
const Manifest *predict_base_manifest(const PredictBase *base);

/* The new bundle, whoever signed it, with its payload open. */
Bundle *predict_open(const char *path, GError **error);

/* Prediction of each image of `bundle` with an index; empty where none has one. FAILURE_CONFIG for a
 * plain bundle, which cannot be streamed. */
GPtrArray *predict_run(const PredictBase *base, const Bundle *bundle, GError **error);
