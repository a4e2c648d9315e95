/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LVM's own lock of a volume group; see lvm.c. */
#ifndef QDM_KERNEL_LVM_H
#define QDM_KERNEL_LVM_H

#include "base/error.h"
#include "kernel/dm.h"

/* Adds the device's volume group, if it is a volume, to the set of groups to lock. */
void lvm_want(const struct kdm_device *device);
/*
 * Locks all groups of the set against LVM's commands; 1 if they were not locked before,
 * 0 if they were, -1 if a lock is not available.
 */
int lvm_lock(struct error *error);
/* Releases all groups. */
void lvm_unlock(void);

/* A temporary volume of pvmove, which removes it at the end. */
bool lvm_is_moving(const struct kdm_device *device);

#endif /* QDM_KERNEL_LVM_H */
