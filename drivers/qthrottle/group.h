/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A throttle group: the buckets, and the devices that share them. A request
 * that may not go yet waits in its own device's queue; when the time has come
 * the devices with waiting requests take turns, reads and writes apart.
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
 * @waiting: requests that wait now
 * @delayed: requests that had to wait, those that still do included
 * @bytes: their size
 * @total_ns: how long the ones that have gone had waited, together
 * @longest_ns: how long the one that waited longest had
 * @full: how often each bucket was what a request had to wait for first
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
 * struct qt_debt - a device's own buckets, while they bind it more than the group's
 * @throttle: the buckets. What the device does is poured in here, too
 * @limits: what they were made from; those of the group are adopted at the
 *	next look
 * @lifted: of the group, then: if all limits were lifted since, nothing is owed
 * @owed: they are in use, which is until they are empty
 */
struct qt_debt {
	struct qt_throttle throttle;
	struct qt_limits limits;
	unsigned int lifted;
	bool owed;
};

/**
 * struct qt_past - what of a device outlives its tables
 * @stats: per direction
 * @debt: what it has let through and not paid for yet
 *
 * Guarded by the lock of the group that the device is in; of two tables only
 * one takes part at a time.
 */
struct qt_past {
	struct qt_stats stats[QT_DIRS];
	struct qt_debt debt;
};

/**
 * struct qt_queue - what a device has waiting in one direction
 * @turn: among the devices with waiting requests, while there are any
 * @bios: the requests, oldest first
 * @pass: the device with the lowest takes the next turn; not to be changed while
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
 * @joined: takes part
 * @device: the device's number, for people
 * @dev: the same, for tracepoints
 * @weight: its share, %QT_WEIGHT_DEFAULT for a plain round robin
 * @draining: nothing waits for longer than a moment, while the device suspends
 * @drain: lets go what has waited for that long
 * @urgent_waits: requests of REQ_META and REQ_SWAP wait like any other
 * @discard_bytes: a discard counts with its length, and not as an operation only
 * @queue: per direction
 * @debt: of the device; it outlives the table
 * @go: requests whose turn has come and that @submit has yet to submit
 * @submit: does so; it may sleep, and holds up no other device
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
 * struct qt_turns - who waits in one direction
 * @queues: the members' queues by @pass, of the same the longest here first
 * @pass: where the member stood that had the last turn
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
 * @limits: what they were made from
 * @enabled: is anything limited? May be read without the lock
 * @private: of one device alone
 * @owing: members with a debt of their own
 * @lifted: how often all limits have been lifted
 * @turns: per direction
 * @next: the direction that is asked first; they take turns, too, since they
 *	may share a bucket
 * @stats: of all members there are and have been, per direction
 * @timer: goes off when the next request may go
 * @work: lets go what may
 * @members_lock: guards @members; never taken with @lock held
 * @members: the devices
 * @config: the group as an object in configfs, if it has a name
 * @users: tables that name the group, guarded in configfs.c
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

/* What a waiting request carries with it. */
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
 * qt_member_admit - may a request go now?
 * @member: the device it came to
 * @bio: the request, already remapped
 *
 * Empty buckets let any read or write go, so who waits or drains need not be
 * asked then. Flushes, which have no data, and other operations take the long way.
 *
 * Return: true if it may; if not, the group will see to its submission.
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
