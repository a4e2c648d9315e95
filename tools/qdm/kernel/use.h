/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Users of a block device outside device-mapper; see use.c. */
#ifndef QDM_KERNEL_USE_H
#define QDM_KERNEL_USE_H

#include "kernel/dm.h"

#define USE_TEXT	256

/* Do the two share data, as a disk and its partition do? */
bool use_overlap(struct devno a, struct devno b);

/* The kernel's own use of it, such as "is mounted on '/mnt'". False if there is none. */
bool use_by_kernel(struct devno devno, char text[USE_TEXT]);
/*
 * The program that has it open, such as "is open in qemu-system-x86 (pid 123)". False
 * if none is found; in a container there may still be one.
 */
bool use_by_program(struct devno devno, char text[USE_TEXT]);
/* Is an exclusive open refused? */
bool use_is_claimed(struct devno devno);

/* Does a dm device keep more than @users openers, not only briefly? */
bool use_stays_open(const char *name, unsigned int users);

/* Sleeps briefly and counts a time limit down; false when it has expired. */
struct use_wait {
	unsigned int slept;
};

bool use_wait(struct use_wait *wait);

#endif /* QDM_KERNEL_USE_H */
