/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a BIOS runs of an appliance's disk, as data that disk.c writes there:
 * boot_mbr (in the protective MBR, at 0x7c00) reads boot_loader (reserved
 * sectors of the FAT volume) to 0x8000, which reads kernel, initramfs and
 * command line out of the unified kernel image and enters Linux in real mode
 * (Documentation/arch/x86/boot.rst of Linux). BIOS services: INT 13h
 * extensions (EDD), INT 15h functions 87h and E801h.
 */
#define BUFFER_SEG	0x1000		/* 32 KiB on their way up */
#define CHUNK		64		/* sectors of it */
#define SETUP_SEG	0x9000		/* Linux's real-mode part */
#define CMDLINE		0x9e000
#define CMDLINE_MAX	2047

/* Offsets in Linux's setup header. */
#define HDR_SETUP_SECTS	0x1f1
#define HDR_MAGIC	0x202
#define HDR_LOADER	0x210
#define HDR_FLAGS	0x211
#define HDR_RAMDISK	0x218
#define HDR_RAMDISK_LEN	0x21c
#define HDR_HEAP_END	0x224
#define HDR_CMDLINE	0x228

#define M(label)	(0x7c00 + (label) - boot_mbr)
#define L(label)	(0x8000 + (label) - boot_loader)

	.section .rodata, "a"
	.code16

/* ---- master boot record ---- */

	.globl boot_mbr
boot_mbr:
	cli
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	sti
	cld
	ljmp	$0, $M(1f)
1:	movb	$0x42, %ah			/* extended read; DL is the drive */
	movw	$M(mbr_packet), %si
	int	$0x13
	jc	2f
	cmpl	$0x58424d56, 0x8000		/* "VMBX" */
	jne	2f
	ljmp	$0, $0x8004
2:	movw	$M(mbr_message), %si
3:	lodsb
	testb	%al, %al
	jz	4f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	3b
4:	int	$0x18				/* the next device */
5:	hlt
	jmp	5b
mbr_message:
	.asciz	"vmbox: cannot read the boot loader\r\n"
	.org	boot_mbr + 424
mbr_packet:
	.byte	16, 0
	.word	24				/* sectors */
	.word	0x8000, 0
	.quad	0				/* LBA: disk.c */
	.globl boot_mbr_end
boot_mbr_end:					/* 440 bytes */

/* ---- loader ---- */

	.balign 4
	.globl boot_loader
boot_loader:
	.ascii	"VMBX"
	jmp	start
	.org	boot_loader + 16
/* Filled in by disk.c. */
kernel_lba:	.quad 0
initrd_lba:	.quad 0
cmdline_lba:	.quad 0
kernel_len:	.long 0
initrd_len:	.long 0
cmdline_len:	.long 0
initrd_addr:	.long 0

drive:		.byte 0, 0
left:		.long 0				/* bytes to load */
dest:		.long 0				/* where to */
packet:		.byte 16, 0
packet_n:	.word 0
		.word 0, BUFFER_SEG
packet_lba:	.quad 0
/* For INT 15h, 87h: source and destination are entries 2 and 3. */
gdt:		.quad 0, 0
gdt_from:	.word 0xffff, 0
		.byte BUFFER_SEG >> 12, 0x93
		.word 0
gdt_to:		.word 0xffff, 0
		.byte 0, 0x93
		.word 0
		.quad 0, 0

start:
	movb	%dl, L(drive)
	movw	$L(hello), %si
	call	print
	movw	$0x2401, %ax			/* A20 by the BIOS, and by port 0x92 */
	int	$0x15
	inb	$0x92, %al
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92
	call	check_memory

	/* The first chunk of the kernel has all of its setup part. */
	movw	$L(kernel_lba), %si
	call	set_lba
	movw	$CHUNK, L(packet_n)
	call	read_chunk
	movw	$BUFFER_SEG, %ax
	movw	%ax, %ds
	cmpl	$0x53726448, HDR_MAGIC		/* "HdrS" */
	movzbw	HDR_SETUP_SECTS, %cx
	movw	$0, %ax
	movw	%ax, %ds
	jne	no_kernel
	incw	%cx				/* and the boot sector */
	cmpw	$CHUNK, %cx
	ja	no_kernel
	movzwl	%cx, %ebx
	pushl	%ebx
	shlw	$7, %cx				/* in dwords */
	movw	$BUFFER_SEG, %ax
	movw	%ax, %ds
	movw	$SETUP_SEG, %ax
	movw	%ax, %es
	xorw	%si, %si
	xorw	%di, %di
	rep movsl
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es

	/* The rest goes to 1 MiB. */
	popl	%ebx
	addl	%ebx, L(packet_lba)
	adcl	$0, L(packet_lba) + 4
	shll	$9, %ebx
	movl	L(kernel_len), %eax
	subl	%ebx, %eax
	movl	$0x100000, %edx
	call	load

	movw	$L(initrd_lba), %si
	call	set_lba
	movl	L(initrd_len), %eax
	movl	L(initrd_addr), %edx
	call	load

	/* The command line, a sector or more, cut to what Linux takes. */
	movw	$L(cmdline_lba), %si
	call	set_lba
	movw	$(CMDLINE_MAX + 512) / 512, L(packet_n)
	call	read_chunk
	movl	L(cmdline_len), %ecx
	cmpl	$CMDLINE_MAX, %ecx
	jbe	1f
	movl	$CMDLINE_MAX, %ecx
1:	movw	$BUFFER_SEG, %ax
	movw	%ax, %ds
	movw	$CMDLINE >> 4, %ax
	movw	%ax, %es
	xorw	%si, %si
	xorw	%di, %di
	rep movsb
	movb	$0, %es:(%di)
	xorw	%ax, %ax
	movw	%ax, %ds

	movl	L(initrd_addr), %eax
	movl	L(initrd_len), %ebx
	movb	L(drive), %dl
	cli
	movw	$SETUP_SEG, %cx
	movw	%cx, %ds
	movw	%cx, %es
	movw	%cx, %fs
	movw	%cx, %gs
	movw	%cx, %ss
	movw	$CMDLINE - SETUP_SEG * 16, %sp
	movb	$0xff, HDR_LOADER
	orb	$0x80, HDR_FLAGS		/* there is a heap */
	movw	$CMDLINE - SETUP_SEG * 16 - 0x400, HDR_HEAP_END
	movl	$CMDLINE, HDR_CMDLINE
	movl	%eax, HDR_RAMDISK
	movl	%ebx, HDR_RAMDISK_LEN
	ljmp	$SETUP_SEG + 0x20, $0

/* (SI): a quadword table entry -> packet. */
set_lba:
	movl	(%si), %eax
	movl	%eax, L(packet_lba)
	movl	4(%si), %eax
	movl	%eax, L(packet_lba) + 4
	ret

/* packet -> buffer. */
read_chunk:
	movw	$L(packet), %si
	movb	L(drive), %dl
	movb	$0x42, %ah
	int	$0x13
	jc	no_disk
	ret

/* EAX bytes from packet_lba on to address EDX. */
load:
	movl	%eax, L(left)
	movl	%edx, L(dest)
1:	movl	L(left), %eax
	testl	%eax, %eax
	jz	3f
	addl	$511, %eax
	shrl	$9, %eax			/* sectors */
	cmpl	$CHUNK, %eax
	jbe	2f
	movl	$CHUNK, %eax
2:	movw	%ax, L(packet_n)
	call	read_chunk
	call	move_chunk
	movzwl	L(packet_n), %eax
	addl	%eax, L(packet_lba)
	adcl	$0, L(packet_lba) + 4
	shll	$9, %eax
	addl	%eax, L(dest)
	subl	%eax, L(left)
	ja	1b
3:	ret

/* The buffer to dest, above 1 MiB. */
move_chunk:
	movl	L(dest), %eax
	movw	%ax, L(gdt_to) + 2
	shrl	$16, %eax
	movb	%al, L(gdt_to) + 4
	movb	%ah, L(gdt_to) + 7
	movw	$L(gdt), %si
	movw	L(packet_n), %cx
	shlw	$8, %cx				/* in words */
	movb	$0x87, %ah
	int	$0x15
	jc	no_move
	ret

/* The initramfs must end below the memory's end: 16 MiB + DX x 64 KiB. */
check_memory:
	xorw	%cx, %cx
	xorw	%dx, %dx
	movw	$0xe801, %ax
	int	$0x15
	jc	no_memory
	testw	%dx, %dx
	jnz	1f
	movw	%bx, %dx
1:	movzwl	%dx, %edx
	shll	$4, %edx			/* in 4 KiB */
	addl	$4096, %edx
	movl	L(initrd_addr), %eax
	addl	L(initrd_len), %eax
	shrl	$12, %eax
	cmpl	%edx, %eax
	jae	no_memory
	ret

no_disk:
	movw	$L(disk_text), %si
	jmp	fail
no_kernel:
	movw	$L(kernel_text), %si
	jmp	fail
no_move:
	movw	$L(move_text), %si
	jmp	fail
no_memory:
	movw	$L(memory_text), %si
fail:
	call	print
	int	$0x18
1:	hlt
	jmp	1b

print:
	lodsb
	testb	%al, %al
	jz	1f
	movb	$0x0e, %ah
	movw	$7, %bx
	int	$0x10
	jmp	print
1:	ret

hello:		.asciz "vmbox: loading Linux\r\n"
disk_text:	.asciz "vmbox: the disk cannot be read\r\n"
kernel_text:	.asciz "vmbox: no Linux kernel where it should be\r\n"
move_text:	.asciz "vmbox: the BIOS cannot move memory\r\n"
memory_text:	.asciz "vmbox: not enough memory\r\n"
	.globl boot_loader_end
boot_loader_end:

	.section .note.GNU-stack, "", @progbits
