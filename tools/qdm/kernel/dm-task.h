/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of dm.h that call libdevmapper. */
#ifndef QDM_KERNEL_DM_TASK_H
#define QDM_KERNEL_DM_TASK_H

#include <libdevmapper.h>
#include <stdint.h>

#include "kernel/dm.h"

#define CONTROL		"/dev/mapper/control"

/* Of the changes that udev has yet to process, or 0; dm-udev.c. */
extern uint32_t udev_cookie;
/* libdevmapper's last message. */
extern char last_log[256];

/* dm.c */
struct dm_task *task_for(int type, const char *name,
			 struct error *error);
int task_failed(struct dm_task *task, const char *what, const char *name,
		struct error *error);

/* dm-look.c */
bool is_plain(const char *name);
int control_fd(void);

#endif /* QDM_KERNEL_DM_TASK_H */
