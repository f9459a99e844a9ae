/* SPDX-License-Identifier: MIT */

/*
 * A Linux kernel for a truth table, arm64: says on the serial line of QEMU's
 * "virt" which kernel it is and with what command line, then resets by PSCI.
 *
 * The header is the one of the kernel's documentation, arm64/booting.
 * uboot_truth.py writes the name of the kernel, NUL-terminated, at 0x1000.
 */

#include <stdint.h>

#define UART (*(volatile uint32_t *)0x09000000)

__asm__(".section .head, \"ax\"\n"
        "head: b entry\n"
        ".long 0\n"
        ".quad 0\n"       /* text_offset */
        ".quad 0x10000\n" /* image_size */
        ".quad 10\n"      /* flags: little endian, 4 KiB pages, anywhere */
        ".quad 0, 0, 0\n"
        ".ascii \"ARM\\x64\"\n"
        ".long 0\n"
        "entry:\n"
        "adr x1, entry\n"
        "add x1, x1, #0x8000\n"
        "mov sp, x1\n"
        "adr x1, head\n"
        "add x1, x1, #0x1000\n"
        "b main\n");

static void put(const char *text)
{
	while (*text)
		UART = (uint8_t)*text++;
}

/* The command line in a device tree: the only text in it that begins so. */
static const char *find_line(const char *tree)
{
	uint32_t size = __builtin_bswap32(*(const uint32_t *)(tree + 4));

	for (uint32_t i = 0; i + 5 < size; i++)
		if (tree[i] == 'r' && tree[i + 1] == 'o' && tree[i + 2] == 'o' &&
		    tree[i + 3] == 't' && tree[i + 4] == '=')
			return tree + i;
	return "";
}

__attribute__((noreturn)) void main(const char *tree, const char *tag)
{
	put("<<kernel=");
	put(tag);
	put(" line=");
	put(find_line(tree));
	put(">>\r\n");
	for (;;) {
		register uint64_t function __asm__("x0") = 0x84000009; /* PSCI SYSTEM_RESET */

		__asm__ volatile("hvc #0" : "+r"(function) : : "memory");
	}
}
