/* SPDX-License-Identifier: GPL-2.0-or-later */
/* LVM's own lock of a volume group; see lvm.c. */
#ifndef QDM_LVM_H
#define QDM_LVM_H

#include "dm.h"
#include "error.h"

/* Keeps LVM's commands from changing the group that the device is a volume of. */
int lvm_lock(const struct kdm_device *device, struct error *error);
/* All groups again. */
void lvm_unlock(void);

/* A volume that pvmove has made to copy others through, and will take away. */
bool lvm_is_moving(const struct kdm_device *device);

#endif /* QDM_LVM_H */
