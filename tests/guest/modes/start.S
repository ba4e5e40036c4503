/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot header, entry, interrupt stubs and the code of the other rings; see modes.c. */
	.section .text.start, "ax"
	.align	4
	.long	0x1badb002, 0, -0x1badb002
	.globl	_start
_start:
	mov	$stack_top, %esp
	push	%eax
	call	kmain

	.text
	.align	16
	.globl	stubs
stubs:
	.set	n, 0
	.rept	0x60
	.align	16
	.if !((n == 8) || (n >= 10 && n <= 14) || (n == 17))
	push	$0
	.endif
	push	$n
	jmp	common
	.set	n, n + 1
	.endr
common:
	pusha
	push	%ds
	push	%es
	push	%fs
	push	%gs
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	cld
	push	%esp
	call	on_vector
	add	$4, %esp
	pop	%gs
	pop	%fs
	pop	%es
	pop	%ds
	popa
	add	$8, %esp
	iret

/* The other task: each time it is entered it goes on behind its IRET. */
	.globl	sub_task
sub_task:
1:	pushf
	pop	%eax
	mov	$0, %edx
	str	%dx
	push	%edx
	push	%eax
	call	sub_step
	add	$8, %esp
	clts
	mov	$0x77, %eax
	iret
	/* The fourth entry has an error code on the stack. */
	cmpl	$3, sub_runs
	jne	1b
	popl	sub_error
	jmp	1b

/* Target of the call gate. */
	.globl	call_target
call_target:
	mov	%esp, %eax
	mov	%ss, %edx
	push	%ds
	mov	$0x10, %ecx
	mov	%ecx, %ds
	push	%edx
	push	%eax
	call	call_step
	add	$8, %esp
	pop	%ds
	lret	$8

	.globl	user_gate, user_unaligned, user_cli, user_sti
user_gate:
	mov	$0x23, %eax
	mov	%eax, %ds
	mov	%esp, %esi
	push	$0x2222
	push	$0x1111
	lcall	$0x3b, $0
	sub	%esp, %esi
	mov	%esi, user_esp_after
	int	$0x31
user_unaligned:
	mov	$0x23, %eax
	mov	%eax, %ds
	mov	stubs + 1, %eax
	int	$0x31
user_cli:
	cli
	int	$0x31
user_sti:
	sti
	int	$0x31

	.code16
	.globl	v86_code, v86_int21, v86_cli, v86_sti, v86_pushf, v86_popf, v86_exit, v86_end
v86_code:
v86_int21:
	int	$0x41
	ud2
v86_cli:
	cli
	jmp	v86_exit
v86_sti:
	sti
	jmp	v86_exit
v86_popf:
	pushw	$0x0202
	popfw
	jmp	v86_exit
v86_pushf:
	pushfw
v86_exit:			/* #UD goes to the IDT in every case */
	ud2
v86_end:
	.code32

	.bss
	.align	16
	.skip	16384
stack_top:
	.section .note.GNU-stack, "", @progbits
