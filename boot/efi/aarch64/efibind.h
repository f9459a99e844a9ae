/* SPDX-License-Identifier: MIT */

/* What gnu-efi's headers leave to the processor, for arm64: its own package has it on arm64 only. */

#pragma once

#include <stdint.h>

/* All is in one program: no table of addresses. */
#pragma GCC visibility push(hidden)

#define VOID void

typedef uint64_t UINT64, UINTN;
typedef int64_t INT64, INTN;
typedef uint32_t UINT32;
typedef int32_t INT32;
typedef uint16_t UINT16;
typedef int16_t INT16;
typedef uint8_t UINT8;
typedef int8_t INT8;
typedef __WCHAR_TYPE__ WCHAR; /* 16 bits: -fshort-wchar */

#define EFIERR(a)      (0x8000000000000000 | (a))
#define EFI_ERROR_MASK 0x8000000000000000
#define EFIERR_OEM(a)  (0xc000000000000000 | (a))
#define BAD_POINTER    0xfbfbfbfbfbfbfbfb
#define MAX_ADDRESS    0xffffffffffffffff

#define EFI_SIGNATURE_16(a, b)       ((a) | ((b) << 8))
#define EFI_SIGNATURE_32(a, b, c, d) (EFI_SIGNATURE_16(a, b) | (EFI_SIGNATURE_16(c, d) << 16))

/* The firmware calls as the compiler does. */
#define EFIAPI
#define EFI_FUNCTION
#define BOOTSERVICE
#define RUNTIMEFUNCTION
#define RUNTIMESERVICE
#define VOLATILE          volatile
#define INTERFACE_DECL(x) struct x

#define uefi_call_wrapper(function, n, ...) function(__VA_ARGS__)
