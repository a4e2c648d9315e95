// SPDX-License-Identifier: GPL-2.0-only
/*
 * Library module below qdm's targets. It is a separate module, and not linked
 * into each target, so that its code exists once, and one workqueue sends all
 * events.
 */
#include <linux/module.h>
#include <linux/qdm.h>

#include "main.h"

struct workqueue_struct *qdm_event_wq;

static int __init qdm_common_init(void)
{
	qdm_event_wq = alloc_workqueue("qdm_events",
				       WQ_MEM_RECLAIM | WQ_UNBOUND, 0);
	return qdm_event_wq ? 0 : -ENOMEM;
}
module_init(qdm_common_init);

static void __exit qdm_common_exit(void)
{
	destroy_workqueue(qdm_event_wq);
}
module_exit(qdm_common_exit);

MODULE_DESCRIPTION("options and events of qdm's device-mapper targets");
MODULE_AUTHOR("the qdm developers");
MODULE_VERSION(QDM_VERSION);
MODULE_LICENSE("GPL");
