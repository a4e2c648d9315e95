// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows why a request waits: /sys/kernel/debug/dm-qthrottle/groups lists the
 * fill of each group's buckets and the requests waiting for each of its
 * devices, without a limit on their number. The format is not an interface and
 * may change with each version.
 *
 * Locking: qt_groups_each() holds the list of groups and, for each, that of its
 * members. A group with members has tables that hold it, so it has a name; the
 * others are not shown. A group's lock is held only to copy numbers, never to
 * print.
 */
#include <linux/debugfs.h>
#include <linux/ktime.h>
#include <linux/seq_file.h>

#include "debug.h"
#include "group.h"

static struct dentry *folder;

static const char * const bucket_names[QT_BUCKETS] = {
	[QT_BPS_TOTAL] = "bps-total",
	[QT_BPS_READ] = "bps-read",
	[QT_BPS_WRITE] = "bps-write",
	[QT_OPS_TOTAL] = "iops-total",
	[QT_OPS_READ] = "iops-read",
	[QT_OPS_WRITE] = "iops-write",
};

/**
 * struct look - a group at one instant
 * @limits: in force
 * @pool: fill per bucket, in percent; above 100 requests wait
 * @burst: the same for the burst bucket
 * @waiting: number of waiting requests per direction
 * @owing: devices that have a debt of their own
 * @timer_us: time until the next request may proceed; 0 if that is now, or
 *	if none waits
 */
struct look {
	struct qt_limits limits;
	u64 pool[QT_BUCKETS];
	u64 burst[QT_BUCKETS];
	u64 waiting[QT_DIRS];
	unsigned int owing;
	s64 timer_us;
};

/* Reduces a level of 128 bits to a percentage. */
static u64 percent_full(const struct qt_level *level, u64 now)
{
	qt_wide in = qt_in_level(level, now), size = level->size;

	while ((in | size) >> 56) {
		in >>= 1;
		size >>= 1;
	}
	return size ? div64_u64((u64)in * 100, size) : 0;
}

static void look_at(struct qt_group *group, struct look *look)
{
	ktime_t left = 0;
	u64 now;
	int i;

	spin_lock(&group->lock);
	now = ktime_get_ns();
	look->limits = group->limits;
	for (i = 0; i < QT_BUCKETS; i++) {
		qt_settle(&group->throttle.pair[i]);
		look->pool[i] = percent_full(&group->throttle.pair[i].pool, now);
		look->burst[i] = percent_full(&group->throttle.pair[i].burst, now);
	}
	for (i = 0; i < QT_DIRS; i++)
		look->waiting[i] = group->stats[i].waiting;
	look->owing = group->owing;
	if (hrtimer_active(&group->timer))
		left = hrtimer_get_remaining(&group->timer);
	look->timer_us = ktime_to_us(max(left, 0LL));
	spin_unlock(&group->lock);
}

static void show_bucket(struct seq_file *m, const struct look *look, int i)
{
	const struct qt_limit *limit = &look->limits.bucket[i];

	if (!limit->avg)
		return;
	seq_printf(m, "  %s %llu: %llu%% full", bucket_names[i], limit->avg,
		   look->pool[i]);
	if (limit->max)
		seq_printf(m, ", burst of %llu for %llu s: %llu%% full",
			   limit->max, limit->length, look->burst[i]);
	seq_putc(m, '\n');
}

static void show_member(struct seq_file *m, struct qt_group *group,
			struct qt_member *member)
{
	u64 reads, writes;
	bool owes, drains;

	spin_lock(&group->lock);
	reads = member->queue[QT_READ].stats->waiting;
	writes = member->queue[QT_WRITE].stats->waiting;
	owes = member->debt->owed;
	drains = member->draining;
	spin_unlock(&group->lock);
	seq_printf(m, "  device %s, weight %llu: %llu reads and %llu writes wait%s%s\n",
		   member->device, READ_ONCE(member->weight), reads, writes,
		   owes ? ", owes" : "", drains ? ", is being suspended" : "");
}

static void show_group(struct qt_group *group, void *to)
{
	struct qt_member *member;
	struct look look = {};
	struct seq_file *m = to;
	int i;

	look_at(group, &look);
	seq_printf(m, "group %s: %llu reads and %llu writes wait",
		   qt_group_name(group), look.waiting[QT_READ],
		   look.waiting[QT_WRITE]);
	if (look.timer_us)
		seq_printf(m, ", the next may go in %lld us", look.timer_us);
	seq_printf(m, "; %u devices owe\n", look.owing);
	for (i = 0; i < QT_BUCKETS; i++)
		show_bucket(m, &look, i);
	if (look.limits.op_size)
		seq_printf(m, "  iops-size %llu\n", look.limits.op_size);
	list_for_each_entry(member, &group->members, node)
		show_member(m, group, member);
}

static int groups_show(struct seq_file *m, void *unused)
{
	qt_groups_each(show_group, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(groups);

/**
 * qt_debug_init - at module load
 */
void qt_debug_init(void)
{
	folder = debugfs_create_dir("dm-qthrottle", NULL);
	debugfs_create_file("groups", 0400, folder, NULL, &groups_fops);
}

/**
 * qt_debug_exit - at module unload; waits for open readers
 */
void qt_debug_exit(void)
{
	debugfs_remove(folder);
}
