/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What uses a block device besides device-mapper; see use.c. */
#ifndef QDM_KERNEL_USE_H
#define QDM_KERNEL_USE_H

#include "kernel/dm.h"

#define USE_TEXT	256

/* Are the two in one place? A disk and its partition are. */
bool use_overlap(struct devno a, struct devno b);

/*
 * What the kernel itself has it for, as "is mounted on '/mnt'". False if nothing of
 * that kind does.
 */
bool use_by_kernel(struct devno devno, char text[USE_TEXT]);
/*
 * The program that has it open, as "is open in qemu-system-x86 (pid 123)". False if
 * none is found, which in a container does not say that there is none.
 */
bool use_by_program(struct devno devno, char text[USE_TEXT]);
/* Is it closed to a user of its own? */
bool use_is_claimed(struct devno devno);

/* Have more than so many a device of device-mapper open, and not only in passing? */
bool use_stays_open(const char *name, unsigned int users);

/* Counts a time limit down, by short sleeps; false when it is over. */
struct use_wait {
	unsigned int slept;
};

bool use_wait(struct use_wait *wait);

#endif /* QDM_KERNEL_USE_H */
