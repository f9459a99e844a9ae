/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What `rauc bundle --from` says: some lines for people, and for each image one for programs.
 *
 *   prediction image=NAME KEY=BYTES … base=PATH      PATH up to the end of the line
 */

#include "bundle/predict.h"

void show_prediction(GString *to, const PredictBase *base, const Bundle *bundle,
                     const GPtrArray *predictions);
