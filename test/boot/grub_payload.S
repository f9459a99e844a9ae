/* SPDX-License-Identifier: MIT */

/*
 * A Linux kernel for a truth table: says on the first serial line which kernel
 * file was loaded and with what command line, then resets the machine.
 *
 * The header is the one of the x86 boot protocol, 2.12, as the kernel's
 * documentation describes it. The loader enters at the 32-bit entry point with
 * the address of boot_params in %esi. grub_table.py appends the name of the
 * kernel, NUL-terminated, at `tag`.
 */

#define COM1   0x3f8
#define LSR    (COM1 + 5)
#define RESET  0xcf9

	.code32
	.org 0x1f1
	.byte 1               /* setup_sects */
	.word 0               /* root_flags */
	.long 64              /* syssize, in 16 bytes */
	.word 0, 0, 0         /* ram_size, vid_mode, root_dev */
	.word 0xaa55          /* boot_flag */
	.byte 0xeb, 0x66      /* jump over the header, never taken */
	.ascii "HdrS"
	.word 0x20c           /* version */
	.long 0               /* realmode_swtch */
	.word 0, 0            /* start_sys_seg, kernel_version */
	.byte 0, 1            /* type_of_loader, loadflags: loaded high */
	.word 0               /* setup_move_size */
	.long 0x100000        /* code32_start */
	.long 0, 0            /* ramdisk_image, ramdisk_size */
	.long 0               /* bootsect_kludge */
	.word 0               /* heap_end_ptr */
	.byte 0, 0            /* ext_loader_ver, ext_loader_type */
	.long 0               /* cmd_line_ptr */
	.long 0x7fffffff      /* initrd_addr_max */
	.long 0x200000        /* kernel_alignment */
	.byte 1, 21           /* relocatable_kernel, min_alignment */
	.word 0               /* xloadflags */
	.long 2047            /* cmdline_size */
	.long 0               /* hardware_subarch */
	.quad 0               /* hardware_subarch_data */
	.long 0, 0            /* payload_offset, payload_length */
	.quad 0               /* setup_data */
	.quad 0x1000000       /* pref_address */
	.long 0x10000         /* init_size */
	.long 0               /* handover_offset */

	.org 0x400            /* the second sector of setup ends here: protected mode */
entry:
	cli
	movl %esi, %ebx       /* boot_params */
	leal 0x1e8(%ebx), %esp /* a stack: the free bytes below e820_entries will do */
	call 1f
1:	popl %ebp

	leal (head - 1b)(%ebp), %esi
	call puts
	leal (tag - 1b)(%ebp), %esi
	call puts
	leal (initrd - 1b)(%ebp), %esi
	cmpl $0, 0x21c(%ebx)
	je 2f
	call puts
2:	leal (line - 1b)(%ebp), %esi
	call puts
	movl 0x228(%ebx), %esi
	call puts
	leal (tail - 1b)(%ebp), %esi
	call puts

3:	movb $0x0e, %al
	movw $RESET, %dx
	outb %al, %dx
	jmp 3b

puts:
	lodsb
	testb %al, %al
	je 5f
	movb %al, %ah
	movw $LSR, %dx
4:	inb %dx, %al
	testb $0x20, %al
	je 4b
	movb %ah, %al
	movw $COM1, %dx
	outb %al, %dx
	jmp puts
5:	ret

head:	.asciz "\r\n<<kernel="
initrd:	.asciz " initrd"
line:	.asciz " line="
tail:	.asciz ">>\r\n"
tag:
