// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-qguard maps like dm-linear. It is stacked on a device with a filter below:
 * another table for that device bypasses the filter, and none of dm's own
 * targets would report it. The bio path is only the mapping; edge.c implements
 * the guarding.
 *
 * Life: a table's edge is registered from its constructor to its destructor.
 */
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "args.h"
#include "edge.h"
#include "lower.h"

#define DM_MSG_PREFIX QDM_TARGET_GUARD

#define LINE "<dev> <offset>"

/**
 * struct qguard - one table line
 * @lower: the device below
 * @edge: its entry in the registry
 */
struct qguard {
	struct qdm_lower lower;
	struct qdm_edge edge;
};

static int open_line(struct qguard *guard, struct dm_target *ti,
		     unsigned int argc, char **argv, struct qdm_why *why)
{
	if (argc != 2)
		return qdm_refuse(why, "%u words, needed are: " LINE, argc);
	return qdm_lower_get(&guard->lower, ti, argv[0], argv[1], why);
}

static int qguard_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct qguard *guard = kzalloc(sizeof(*guard), GFP_KERNEL);
	struct qdm_why why;
	int r;

	if (!guard) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	r = open_line(guard, ti, argc, argv, &why);
	if (r) {
		qdm_refuse_table(ti, &why);
		kfree(guard);
		return r;
	}
	guard->edge.guard = true;
	qdm_edge_add(&guard->edge, ti, &guard->lower);
	qdm_lower_pass_all(ti);
	ti->private = guard;
	return 0;
}

static void qguard_dtr(struct dm_target *ti)
{
	struct qguard *guard = ti->private;

	qdm_edge_del(&guard->edge);
	qdm_lower_put(&guard->lower, ti);
	kfree(guard);
}

static int qguard_map(struct dm_target *ti, struct bio *bio)
{
	struct qguard *guard = ti->private;

	qdm_lower_map(&guard->lower, bio);
	return DM_MAPIO_REMAPPED;
}

static void qguard_postsuspend(struct dm_target *ti)
{
	struct qguard *guard = ti->private;

	qdm_edge_postsuspend(&guard->edge);
}

static void qguard_resume(struct dm_target *ti)
{
	struct qguard *guard = ti->private;

	qdm_edge_resume(&guard->edge);
}

/* INFO is empty, as dm-linear's: a guard has no state of its own. */
static void qguard_status(struct dm_target *ti, status_type_t type,
			  unsigned int flags, char *result, unsigned int maxlen)
{
	struct qguard *guard = ti->private;
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		result[0] = '\0';
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %llu", guard->lower.dev->name,
		       (u64)guard->lower.start);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",device_name=%s,start=%llu;", guard->lower.dev->name,
		       (u64)guard->lower.start);
		break;
	}
}

static int qguard_iterate_devices(struct dm_target *ti,
				  iterate_devices_callout_fn fn, void *data)
{
	struct qguard *guard = ti->private;

	return qdm_lower_iterate(&guard->lower, ti, fn, data);
}

/* No limits to set: dm calls this for each table it swaps in. */
static void qguard_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct qguard *guard = ti->private;

	qdm_edge_swap(&guard->edge);
}

static int QDM_PREPARE_IOCTL(qguard_prepare_ioctl)
{
	struct qguard *guard = ti->private;

	return qdm_lower_prepare_ioctl(&guard->lower, ti, bdev);
}

#ifdef CONFIG_BLK_DEV_ZONED
static int qguard_report_zones(struct dm_target *ti,
			       struct dm_report_zones_args *args,
			       unsigned int nr_zones)
{
	struct qguard *guard = ti->private;

	return qdm_lower_report_zones(&guard->lower, ti, args, nr_zones);
}
#else
#define qguard_report_zones NULL
#endif

#if IS_ENABLED(CONFIG_FS_DAX)
static long qguard_direct_access(struct dm_target *ti, pgoff_t pgoff,
				 long nr_pages, enum dax_access_mode mode,
				 void **kaddr, qdm_pfn_t *pfn)
{
	struct qguard *guard = ti->private;
	struct dax_device *dax = qdm_lower_dax(&guard->lower, ti, &pgoff);

	return dax_direct_access(dax, pgoff, nr_pages, mode, kaddr, pfn);
}

static int qguard_dax_zero_page_range(struct dm_target *ti, pgoff_t pgoff,
				      size_t nr_pages)
{
	struct qguard *guard = ti->private;
	struct dax_device *dax = qdm_lower_dax(&guard->lower, ti, &pgoff);

	return dax_zero_page_range(dax, pgoff, nr_pages);
}

static size_t qguard_dax_recovery_write(struct dm_target *ti, pgoff_t pgoff,
					void *addr, size_t bytes,
					struct iov_iter *i)
{
	struct qguard *guard = ti->private;
	struct dax_device *dax = qdm_lower_dax(&guard->lower, ti, &pgoff);

	return dax_recovery_write(dax, pgoff, addr, bytes, i);
}
#else
#define qguard_direct_access NULL
#define qguard_dax_zero_page_range NULL
#define qguard_dax_recovery_write NULL
#endif

static struct target_type qguard_target = {
	.name = QDM_TARGET_GUARD,
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_NOWAIT | DM_TARGET_PASSES_INTEGRITY |
		    DM_TARGET_PASSES_CRYPTO | DM_TARGET_ZONED_HM |
		    QDM_TARGET_ATOMIC_WRITES,
	.ctr = qguard_ctr,
	.dtr = qguard_dtr,
	.map = qguard_map,
	.postsuspend = qguard_postsuspend,
	.resume = qguard_resume,
	.status = qguard_status,
	.iterate_devices = qguard_iterate_devices,
	.io_hints = qguard_io_hints,
	.prepare_ioctl = qguard_prepare_ioctl,
	.report_zones = qguard_report_zones,
	.direct_access = qguard_direct_access,
	.dax_zero_page_range = qguard_dax_zero_page_range,
	.dax_recovery_write = qguard_dax_recovery_write,
};
module_dm(qguard);

MODULE_DESCRIPTION("device-mapper target that maps like linear and guards the filters below it");
MODULE_AUTHOR("the qdm developers");
MODULE_VERSION(QDM_VERSION);
MODULE_LICENSE("GPL");
