/* SPDX-License-Identifier: MIT */

/*
 * The head of an EFI program for arm64 (PE32+), and its entry. Written out by
 * hand, so that no linker for PE is needed. Code and data lie in the file as in
 * memory (efi.lds), and nothing in them is an address, so nothing is relocated.
 */

	.section .head, "a"
	.ascii	"MZ"
	.skip	0x3a
	.long	0x40			/* where PE begins */


	.ascii	"PE\0\0"
	.short	0xaa64			/* arm64 */
	.short	2			/* sections */
	.long	0, 0, 0			/* time, symbols */
	.short	sections - optional
	.short	0x206			/* executable, no line numbers, no debug information */

optional:
	.short	0x20b			/* PE32+ */
	.byte	0, 0
	.long	text_size, data_size, bss_size
	.long	entry_at
	.long	text_at
	.quad	0			/* wherever there is room */
	.long	0x1000, 0x1000		/* alignment in memory and in the file */
	.short	0, 0, 0, 0, 0, 0	/* versions */
	.long	0
	.long	image_size
	.long	text_at			/* size of the head */
	.long	0
	.short	10			/* EFI application */
	.short	0x100			/* data is never code */
	.quad	0, 0, 0, 0
	.long	0
	.long	6			/* directories, all empty */
	.quad	0, 0, 0, 0, 0, 0

sections:
	.ascii	".text\0\0\0"
	.long	text_size, text_at, text_size, text_at
	.long	0, 0
	.short	0, 0
	.long	0x60000020		/* code, read, execute */
	.ascii	".data\0\0\0"
	.long	data_and_bss_size, data_at, data_size, data_at
	.long	0, 0
	.short	0, 0
	.long	0xc0000040		/* data, read, write */

	.section .note.GNU-stack, "", %progbits
