/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only file that depends on the kernel version. It is force-included, so
 * that all other code is written for the newest kernel; the probes that define
 * QDM_HAVE_* are in Kbuild.include.
 */
#ifndef QDM_COMPAT_H
#define QDM_COMPAT_H

#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/hrtimer.h>
#include <linux/pagemap.h>
#include <linux/workqueue.h>

#ifndef CONFIG_64BIT
#error "qdm needs a 64-bit kernel: the throttle's arithmetic is 128 bits wide"
#endif

#ifndef QDM_HAVE_HRTIMER_SETUP
static inline void
hrtimer_setup(struct hrtimer *timer,
	      enum hrtimer_restart (*function)(struct hrtimer *),
	      clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/* Before 6.12 a workqueue that is not unbound is bound to its CPU anyway. */
#ifndef QDM_HAVE_WQ_PERCPU
#define WQ_PERCPU 0
#endif

/* Start of a prepare_ioctl; none of ours uses the newer arguments. */
#ifdef QDM_HAVE_IOCTL_FORWARD
#define QDM_PREPARE_IOCTL(name)						\
	name(struct dm_target *ti, struct block_device **bdev,		\
	     unsigned int cmd, unsigned long arg, bool *forward)
#else
#define QDM_PREPARE_IOCTL(name)						\
	name(struct dm_target *ti, struct block_device **bdev)
#endif

/* Type of a page frame for direct_access. */
#ifdef QDM_HAVE_PFN_T
#include <linux/pfn_t.h>
#define qdm_pfn_t pfn_t
#else
#define qdm_pfn_t unsigned long
#endif

/* Targets that pass every bio whole may pass atomic writes too. */
#ifdef QDM_HAVE_ATOMIC_WRITES
#define QDM_TARGET_ATOMIC_WRITES DM_TARGET_ATOMIC_WRITES
#else
#define QDM_TARGET_ATOMIC_WRITES 0
#endif

#ifdef QDM_HAVE_CONST_CONFIGFS
#define QDM_CONFIGFS_OPS const
#else
#define QDM_CONFIGFS_OPS
#endif

#ifndef module_dm
#define module_dm(name)							\
static int __init dm_##name##_init(void)				\
{									\
	return dm_register_target(&(name##_target));			\
}									\
module_init(dm_##name##_init)						\
static void __exit dm_##name##_exit(void)				\
{									\
	dm_unregister_target(&(name##_target));				\
}									\
module_exit(dm_##name##_exit)
#endif

/*
 * Before 6.9 an open block device is not a file. Its handle replaces the file
 * here, or before 6.7 the device itself, opened for reading and writing, as all
 * of ours are. Before 6.5 it is closed with its mode.
 */
#if defined(QDM_HAVE_BDEV_FILE)
#elif defined(QDM_HAVE_BDEV_HANDLE)
#define bdev_file_open_by_dev(dev, mode, holder, ops) \
	((struct file *)bdev_open_by_dev(dev, mode, holder, ops))
#define file_bdev(file) (((struct bdev_handle *)(file))->bdev)
#define bdev_fput(file) bdev_release((struct bdev_handle *)(file))
#elif defined(QDM_HAVE_HOLDER_OPS)
#define bdev_file_open_by_dev(dev, mode, holder, ops) \
	((struct file *)blkdev_get_by_dev(dev, mode, holder, ops))
#define file_bdev(file) ((struct block_device *)(file))
#define bdev_fput(file) blkdev_put(file_bdev(file), NULL)
#else
#define BLK_OPEN_READ FMODE_READ
#define BLK_OPEN_WRITE FMODE_WRITE
#define bdev_file_open_by_dev(dev, mode, holder, ops) \
	((struct file *)blkdev_get_by_dev(dev, mode, holder))
#define file_bdev(file) ((struct block_device *)(file))
#define bdev_fput(file) blkdev_put(file_bdev(file), FMODE_READ | FMODE_WRITE)
#endif

/* The page cache of a block device. */
static inline struct address_space *qdm_bdev_mapping(struct block_device *bdev)
{
#ifdef QDM_HAVE_BD_MAPPING
	return bdev->bd_mapping;
#else
	return bdev->bd_inode->i_mapping;
#endif
}

/*
 * How often partitions have their disk open: since 6.5 each as often as it is
 * open itself, before that each once.
 */
static inline int qdm_opened_by_partitions(struct gendisk *disk)
{
#ifdef QDM_HAVE_HOLDER_OPS
	struct block_device *part;
	unsigned long nr;
	int opens = 0;

	rcu_read_lock();
	xa_for_each_start(&disk->part_tbl, nr, part, 1)
		opens += atomic_read(&part->bd_openers);
	rcu_read_unlock();
	return opens;
#else
	return READ_ONCE(disk->open_partitions);
#endif
}

/* Closes a device that was opened without a holder, before it returns. */
#ifdef QDM_HAVE_BDEV_FILE
#include <linux/file.h>
#define qdm_bdev_close(file) __fput_sync(file)
#else
#define qdm_bdev_close(file) bdev_fput(file)
#endif

/*
 * Announces the number of requests to a plug, which allocates them together.
 * Without support for that, each is allocated on its own.
 */
static inline void qdm_plug_expect(struct blk_plug *plug, unsigned short nr)
{
#ifdef QDM_HAVE_PLUG_NR_IOS
	plug->nr_ios = nr;
#endif
}

#endif /* QDM_COMPAT_H */
