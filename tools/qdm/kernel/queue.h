/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Settings in a device's queue folder; see queue.c. */
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
/* Writes those back that are others now. */
void queue_restore(const struct queue_settings *settings);

#endif /* QDM_KERNEL_QUEUE_H */
