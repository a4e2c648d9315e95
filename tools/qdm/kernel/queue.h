/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings of a device's request queue; see queue.c. */
#ifndef QDM_KERNEL_QUEUE_H
#define QDM_KERNEL_QUEUE_H

#include "kernel/dm.h"

#define QUEUE_SETTINGS	7
#define QUEUE_VALUE	24

struct queue_settings {
	struct devno devno;
	char value[QUEUE_SETTINGS][QUEUE_VALUE];
};

void queue_read(struct queue_settings *settings, struct devno devno);
/* Writes back those that have changed. */
void queue_restore(const struct queue_settings *settings);

#endif /* QDM_KERNEL_QUEUE_H */
