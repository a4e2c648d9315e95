/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LVM's own lock of a volume group; see lvm.c. */
#ifndef QDM_KERNEL_LVM_H
#define QDM_KERNEL_LVM_H

#include "base/error.h"
#include "kernel/dm.h"

/* The group that the device is a volume of, if it is one, belongs to the next lock. */
void lvm_want(const struct kdm_device *device);
/*
 * Keeps LVM's commands from changing all groups that are wanted; 1 if that was not so
 * before, 0 if it was, -1 if one of them is not to be had.
 */
int lvm_lock(struct error *error);
/* All groups again. */
void lvm_unlock(void);

/* A volume that pvmove has made to copy others through, and will take away. */
bool lvm_is_moving(const struct kdm_device *device);

#endif /* QDM_KERNEL_LVM_H */
