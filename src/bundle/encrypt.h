/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The signature of a bundle of format crypt, and with it the key of the payload, for some
 * recipients only (chapters 1.5, 1.12).
 */

#include "bundle/rework.h"

/* For every certificate in every file of `recipients`, which ends with NULL. */
bool encrypt_bundle(const Rework *rework, const char *const *recipients, unsigned *n_recipients,
                    GError **error);
