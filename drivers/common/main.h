/* SPDX-License-Identifier: GPL-2.0-only */
/* Shared by the files of qdm-common. */
#ifndef QDM_MAIN_H
#define QDM_MAIN_H

#include <linux/workqueue.h>

extern struct workqueue_struct *qdm_event_wq;

#endif /* QDM_MAIN_H */
