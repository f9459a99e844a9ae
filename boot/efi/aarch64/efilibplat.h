/* SPDX-License-Identifier: MIT */

/* gnu-efi's efilib.h asks for it; nothing to declare. */

#pragma once
