// SPDX-License-Identifier: GPL-2.0-or-later
/* The program's entry. */
#include "generated/version.h"
#include <stdio.h>

int main(void)
{
	printf("vmbox %s\n", VMBOX_VERSION);
	return 0;
}
