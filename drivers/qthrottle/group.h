/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A throttle group: the buckets, and the devices that share them. A request
 * that must wait is queued with its own device; when the time is reached the
 * devices with waiting requests take turns, reads and writes separately.
 */
#ifndef QDM_GROUP_H
#define QDM_GROUP_H

#include <linux/bio.h>
#include <linux/configfs.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "args.h"
#include "bucket.h"

#define QT_WEIGHT_MIN		1
#define QT_WEIGHT_MAX		1000
#define QT_WEIGHT_DEFAULT	100

/**
 * struct qt_stats - was the throttle the limit?
 * @waiting: number of requests waiting now
 * @delayed: number of requests that had to wait, including the waiting ones
 * @bytes: their size
 * @total_ns: total wait of the released ones
 * @longest_ns: longest of these waits
 * @full: how often each bucket was the first reason for a wait
 */
struct qt_stats {
	u64 waiting;
	u64 delayed;
	u64 bytes;
	u64 total_ns;
	u64 longest_ns;
	u64 full[QT_BUCKETS];
};

/**
 * struct qt_debt - a device's own buckets, while stricter than the group's
 * @throttle: the buckets. All requests of the device are poured in here, too
 * @limits: their limits; those of the group are adopted at the next check
 * @lifted: the group's, then: no debt if all limits were lifted since
 * @owed: they are in use, until they are empty
 */
struct qt_debt {
	struct qt_throttle throttle;
	struct qt_limits limits;
	unsigned int lifted;
	bool owed;
};

/**
 * struct qt_past - state of a device that outlives its tables
 * @stats: per direction
 * @debt: of admitted requests not yet paid for
 *
 * Guarded by the lock of the device's group; only one table is a member at a
 * time.
 */
struct qt_past {
	struct qt_stats stats[QT_DIRS];
	struct qt_debt debt;
};

/**
 * struct qt_queue - waiting requests of a device in one direction
 * @turn: among the devices with waiting requests, while there are any
 * @bios: the requests, oldest first
 * @pass: the device with the lowest takes the next turn; must not change while
 *	@turn is among others
 * @stats: of this device and direction; they outlive the table
 */
struct qt_queue {
	struct rb_node turn;
	struct bio_list bios;
	u64 pass;
	struct qt_stats *stats;
};

/**
 * struct qt_member - a device in a group
 * @group: the group
 * @node: among the group's members, while @joined
 * @joined: is a member
 * @device: the device's number, for users
 * @dev: the same, for tracepoints
 * @weight: its share, %QT_WEIGHT_DEFAULT for a plain round robin
 * @draining: requests wait for DRAIN_MS at most, while the device suspends
 * @drain: releases them after that time
 * @urgent_waits: REQ_META and REQ_SWAP requests wait like any other
 * @discard_bytes: a discard counts with its length, not just as an operation
 * @queue: per direction
 * @debt: of the device; it outlives the table
 * @go: dispatched requests that @submit has yet to submit
 * @submit: submits @go; it may sleep, and delays no other device
 * @wq: of this device alone, as devices of a group may be stacked
 */
struct qt_member {
	struct qt_group *group;
	struct list_head node;
	bool joined;
	const char *device;
	dev_t dev;
	u64 weight;
	bool draining;
	struct delayed_work drain;
	bool urgent_waits;
	bool discard_bytes;
	struct qt_queue queue[QT_DIRS];
	struct qt_debt *debt;
	struct bio_list go;
	struct work_struct submit;
	struct workqueue_struct *wq;
};

/**
 * struct qt_turns - queues of one direction
 * @queues: the members' queues by @pass, FIFO if equal
 * @pass: pass of the member that had the last turn
 */
struct qt_turns {
	struct rb_root_cached queues;
	u64 pass;
};

/**
 * struct qt_group - a throttle group
 * @lock: guards everything from @throttle to @stats, and all of a member but
 *	@group, @node, @joined, @device, @dev and @wq
 * @throttle: the buckets
 * @limits: their limits
 * @enabled: is anything limited? May be read without the lock
 * @private: of one device alone
 * @owing: number of members with a debt of their own
 * @lifted: number of times that all limits were lifted
 * @turns: per direction
 * @next: the direction tried first; they alternate, since they may share a
 *	bucket
 * @stats: of all present and former members, per direction
 * @timer: fires when the next request may proceed
 * @work: dispatches requests
 * @members_lock: guards @members; never taken with @lock held
 * @members: the devices
 * @config: the group's object in configfs, if it has a name
 * @users: number of tables that name the group, guarded in configfs.c
 * @ours: made for a table line, and not by mkdir
 * @all: in the list of all groups, guarded in group.c
 */
struct qt_group {
	spinlock_t lock; /* guards down to the timer */
	struct qt_throttle throttle;
	struct qt_limits limits;
	bool enabled;
	bool private;
	unsigned int owing;
	unsigned int lifted;
	struct qt_turns turns[QT_DIRS];
	enum qt_dir next;
	struct qt_stats stats[QT_DIRS];
	struct hrtimer timer;
	struct work_struct work;
	struct mutex members_lock; /* guards the list of members */
	struct list_head members;
	struct config_group config;
	unsigned int users;
	bool ours;
	struct list_head all;
};

/* Data of a waiting request. */
struct qt_bio {
	u64 since;
};

int qt_groups_init(void);
void qt_groups_exit(void);
struct qt_group *qt_group_alloc(void);
void qt_group_free(struct qt_group *group);
void qt_groups_each(void (*show)(struct qt_group *group, void *to), void *to);
void qt_group_read_limits(struct qt_group *group, struct qt_limits *limits);
int qt_group_set_limits(struct qt_group *group, const struct qt_limits *limits,
			struct qdm_why *why);
int qt_group_change_limits(struct qt_group *group, unsigned int argc,
			   char **argv, struct qdm_why *why);

int qt_member_init(struct qt_member *member, struct qt_group *group,
		   struct mapped_device *md, struct qt_past *past);
void qt_member_exit(struct qt_member *member);
void qt_member_join(struct qt_member *member);
void qt_member_leave(struct qt_member *member);
void qt_member_set_weight(struct qt_member *member, u64 weight);
bool __qt_member_admit(struct qt_member *member, struct bio *bio, u64 now);
void qt_member_drain(struct qt_member *member);
void qt_member_undrain(struct qt_member *member);
void qt_member_read_stats(struct qt_member *member, enum qt_dir dir,
			  struct qt_stats *stats);
void qt_group_read_stats(struct qt_group *group, enum qt_dir dir,
			 struct qt_stats *stats);

/* configfs.c: groups by name */
int qt_configfs_init(void);
void qt_configfs_exit(void);
struct qt_group *qt_group_get(const char *name, struct qdm_why *why);
void qt_group_put(struct qt_group *group);
const char *qt_group_name(struct qt_group *group);

/**
 * qt_member_admit - may a request proceed now?
 * @member: its device
 * @bio: the request, already remapped
 *
 * Empty buckets admit any read or write, so no queue or drain is checked then.
 * Flushes, which have no data, and other operations take the slow path.
 *
 * Return: true if it may; if not, the group submits it.
 */
static inline bool qt_member_admit(struct qt_member *member, struct bio *bio)
{
	struct qt_group *group = member->group;
	unsigned int op = (__force unsigned int)bio_op(bio);
	bool go;
	u64 now;

	if (!READ_ONCE(group->enabled))
		return true;
	spin_lock(&group->lock);
	now = ktime_get_ns();
	BUILD_BUG_ON(((__force int)REQ_OP_READ) != QT_READ ||
		     ((__force int)REQ_OP_WRITE) != QT_WRITE);
	go = (op <= QT_WRITE &&
	      qt_admit_idle(&group->throttle, op, bio->bi_iter.bi_size, now)) ||
	     __qt_member_admit(member, bio, now);
	spin_unlock(&group->lock);
	return go;
}

#endif /* QDM_GROUP_H */
