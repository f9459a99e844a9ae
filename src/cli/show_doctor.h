/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the doctor found, for people and for programs (doc/doctor.md).
 */

#include "cli/output.h"
#include "doctor/doctor.h"

/* `format`: OUTPUT_READABLE, OUTPUT_JSON or OUTPUT_JSON_PRETTY. */
void show_doctor(GString *to, const Doctor *doctor, OutputFormat format, OutputLook look);
