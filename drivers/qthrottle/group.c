// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who may go, who waits, and whose turn is next. Admission is one short
 * critical section per request. A request that has to wait is queued with
 * its device; one hrtimer per group and direction goes off at the very
 * instant at which the next one may go, and a worker then lets go all that
 * may, in turn, and sets the timer again. Nothing polls.
 *
 * Turns: each device has a pass, and the one with the lowest goes next and
 * moves on by a stride that is the smaller the more weight it has. With equal
 * weights that is a round robin. A device that has had nothing waiting starts
 * where the others stand, so idling saves up no turns.
 *
 * Locking: @lock of a group is a plain spinlock: it is taken in map(), by the
 * workers, by messages and by suspend, all in process context; the timer's
 * callback only queues the worker and takes no lock. Under it nothing sleeps
 * and no bio is submitted: bios to go are collected and submitted after it.
 * @members_lock is a mutex for the list that people can read.
 *
 * Life: a bio that waits is counted in flight by dm, so no device can leave
 * or go with one waiting; presuspend drains the device first. So the timer and
 * the worker of a group without members find nothing, and qt_group_free()
 * only has to see them end. A worker does not touch a member once it has
 * dropped the lock.
 */
#include <linux/device-mapper.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "group.h"
#include "options.h"

/* A device of weight w moves on by STRIDE / w per request. */
#define STRIDE	(1ULL << 32)

static struct workqueue_struct *release_wq;

static struct qt_member *queue_member(struct qt_queue *queue, enum qt_dir dir)
{
	return container_of(queue, struct qt_member, queue[dir]);
}

static enum qt_dir turns_dir(struct qt_turns *turns)
{
	return turns - turns->group->turns;
}

static enum qt_dir bio_dir(const struct bio *bio)
{
	return op_is_write(bio_op(bio)) ? QT_WRITE : QT_READ;
}

static struct qt_bio *per_bio(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct qt_bio));
}

static struct qt_queue *next_in_turn(struct qt_turns *turns)
{
	struct qt_queue *queue, *next = NULL;

	list_for_each_entry(queue, &turns->members, turn)
		if (!next || queue->pass < next->pass)
			next = queue;
	return next;
}

static void start_timer(struct qt_turns *turns, u64 at)
{
	ktime_t when = at > KTIME_MAX ? KTIME_MAX : at;

	hrtimer_start(&turns->timer, when, HRTIMER_MODE_ABS);
}

static struct bio *take_oldest(struct qt_queue *queue, u64 now)
{
	struct bio *bio = bio_list_pop(&queue->bios);
	u64 waited = now - per_bio(bio)->since;

	queue->stats.waiting--;
	queue->stats.total_ns += waited;
	if (waited > queue->stats.longest_ns)
		queue->stats.longest_ns = waited;
	if (bio_list_empty(&queue->bios))
		list_del(&queue->turn);
	return bio;
}

static void take_turn(struct qt_turns *turns, struct qt_queue *queue,
		      struct bio_list *go, u64 now)
{
	enum qt_dir dir = turns_dir(turns);
	struct bio *bio;

	turns->pass = queue->pass;
	queue->pass += STRIDE / queue_member(queue, dir)->weight;
	list_move_tail(&queue->turn, &turns->members);
	bio = take_oldest(queue, now);
	qt_account(&turns->group->throttle, dir, bio->bi_iter.bi_size, now);
	bio_list_add(go, bio);
}

/* Collects what may go now, and sets the timer for what comes next. */
static void collect(struct qt_turns *turns, struct bio_list *go)
{
	struct qt_throttle *throttle = &turns->group->throttle;
	struct qt_queue *queue;
	enum qt_bucket full;
	u64 wait, now = ktime_get_ns();

	while ((queue = next_in_turn(turns))) {
		wait = qt_wait(throttle, turns_dir(turns), now, &full);
		if (wait) {
			start_timer(turns, now + wait);
			return;
		}
		take_turn(turns, queue, go, now);
	}
}

static void submit(struct bio_list *go)
{
	struct blk_plug plug;
	struct bio *bio;

	blk_start_plug(&plug);
	while ((bio = bio_list_pop(go))) {
		dm_submit_bio_remap(bio, NULL);
		cond_resched();
	}
	blk_finish_plug(&plug);
}

static void release(struct work_struct *work)
{
	struct qt_turns *turns = container_of(work, struct qt_turns, work);
	struct bio_list go = BIO_EMPTY_LIST;

	spin_lock(&turns->group->lock);
	collect(turns, &go);
	spin_unlock(&turns->group->lock);
	submit(&go);
}

static enum hrtimer_restart timer_fires(struct hrtimer *timer)
{
	struct qt_turns *turns = container_of(timer, struct qt_turns, timer);

	queue_work(release_wq, &turns->work);
	return HRTIMER_NORESTART;
}

static void init_turns(struct qt_group *group, enum qt_dir dir)
{
	struct qt_turns *turns = &group->turns[dir];

	turns->group = group;
	INIT_LIST_HEAD(&turns->members);
	hrtimer_setup(&turns->timer, timer_fires, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS);
	INIT_WORK(&turns->work, release);
}

/**
 * qt_group_alloc - make a group with no limits and no members
 *
 * Return: the group, or NULL for want of memory.
 */
struct qt_group *qt_group_alloc(void)
{
	struct qt_group *group = kzalloc(sizeof(*group), GFP_KERNEL);

	if (!group)
		return NULL;
	spin_lock_init(&group->lock);
	mutex_init(&group->members_lock);
	INIT_LIST_HEAD(&group->members);
	init_turns(group, QT_READ);
	init_turns(group, QT_WRITE);
	qt_limits_init(&group->limits);
	qt_config(&group->throttle, &group->limits);
	return group;
}

/**
 * qt_group_free - end a group without members
 * @group: the group
 */
void qt_group_free(struct qt_group *group)
{
	int dir;

	for (dir = 0; dir < QT_DIRS; dir++) {
		hrtimer_cancel(&group->turns[dir].timer);
		cancel_work_sync(&group->turns[dir].work);
	}
	kfree(group);
}

/* What waits is looked at again: the timer may stand far in the future. */
static void look_again(struct qt_group *group)
{
	queue_work(release_wq, &group->turns[QT_READ].work);
	queue_work(release_wq, &group->turns[QT_WRITE].work);
}

/**
 * qt_group_read_limits - the limits in force
 * @group: the group
 * @limits: gets them
 */
void qt_group_read_limits(struct qt_group *group, struct qt_limits *limits)
{
	spin_lock(&group->lock);
	*limits = group->limits;
	spin_unlock(&group->lock);
}

/* Limits that change nothing leave the buckets as they stand. */
static void apply(struct qt_group *group, const struct qt_limits *limits)
{
	if (!memcmp(&group->limits, limits, sizeof(*limits)))
		return;
	group->limits = *limits;
	qt_config(&group->throttle, limits);
	WRITE_ONCE(group->enabled, qt_limits_enabled(limits));
}

/**
 * qt_group_set_limits - replace all limits
 * @group: the group
 * @limits: the new ones
 * @why: the reason, if refused
 *
 * Takes effect at once, also on what waits.
 *
 * Return: 0, or -EINVAL, and nothing has changed.
 */
int qt_group_set_limits(struct qt_group *group, const struct qt_limits *limits,
			struct qdm_why *why)
{
	const char *wrong = qt_limits_check(limits);

	if (wrong)
		return qdm_refuse(why, "%s", wrong);
	spin_lock(&group->lock);
	apply(group, limits);
	spin_unlock(&group->lock);
	look_again(group);
	return 0;
}

static void overlay(struct qt_options *to, const struct qt_options *from,
		    u64 given)
{
	size_t offset;
	int i;

	for (i = 0; i < QT_NR_LIMITS; i++) {
		offset = qt_limit_table.opts[i].offset;
		if (given & (1ULL << i))
			*(u64 *)((char *)to + offset) =
				*(u64 *)((char *)from + offset);
	}
}

/**
 * qt_group_change_limits - change the limits that are named, keep the others
 * @group: the group
 * @argc: how many words
 * @argv: "<limit> <value>" pairs
 * @why: the reason, if refused
 *
 * Two changes at a time do not undo each other: what was given is laid over
 * the limits of that instant.
 *
 * Return: 0, or -EINVAL, and nothing has changed.
 */
int qt_group_change_limits(struct qt_group *group, unsigned int argc,
			   char **argv, struct qdm_why *why)
{
	struct qt_options changes, result;
	const char *wrong;
	u64 given;
	int r;

	r = qdm_opts_parse(&qt_limit_table, &changes, argc, argv, &given, why);
	if (r)
		return r;
	spin_lock(&group->lock);
	result.limits = group->limits;
	overlay(&result, &changes, given);
	wrong = qt_limits_check(&result.limits);
	if (!wrong)
		apply(group, &result.limits);
	spin_unlock(&group->lock);
	if (wrong)
		return qdm_refuse(why, "%s", wrong);
	look_again(group);
	return 0;
}

/**
 * qt_member_init - make a member, which has yet to join
 * @member: the member
 * @group: its group
 * @device: the device's number, a string that stays
 */
void qt_member_init(struct qt_member *member, struct qt_group *group,
		    const char *device)
{
	int dir;

	*member = (struct qt_member){
		.group = group, .device = device, .weight = QT_WEIGHT_DEFAULT,
	};
	for (dir = 0; dir < QT_DIRS; dir++)
		bio_list_init(&member->queue[dir].bios);
}

/**
 * qt_member_join - take part from now on
 * @member: the member, of a device that resumes
 */
void qt_member_join(struct qt_member *member)
{
	struct qt_group *group = member->group;

	mutex_lock(&group->members_lock);
	list_add_tail(&member->node, &group->members);
	mutex_unlock(&group->members_lock);
	qt_member_undrain(member);
}

/**
 * qt_member_leave - take part no more
 * @member: the member, of a device that is suspended and has nothing waiting
 */
void qt_member_leave(struct qt_member *member)
{
	struct qt_group *group = member->group;

	mutex_lock(&group->members_lock);
	list_del(&member->node);
	mutex_unlock(&group->members_lock);
}

/**
 * qt_member_set_weight - change a device's share
 * @member: the device
 * @weight: its share, within [QT_WEIGHT_MIN, QT_WEIGHT_MAX]
 */
void qt_member_set_weight(struct qt_member *member, u64 weight)
{
	spin_lock(&member->group->lock);
	member->weight = weight;
	spin_unlock(&member->group->lock);
}

static noinline void wait_in_queue(struct qt_member *member, enum qt_dir dir,
				   struct bio *bio, u64 now)
{
	struct qt_turns *turns = &member->group->turns[dir];
	struct qt_queue *queue = &member->queue[dir];
	bool first = list_empty(&turns->members);
	enum qt_bucket full;
	u64 wait;

	if (bio_list_empty(&queue->bios)) {
		queue->pass = max(queue->pass, turns->pass);
		list_add_tail(&queue->turn, &turns->members);
	}
	bio_clear_polled(bio);
	per_bio(bio)->since = now;
	bio_list_add(&queue->bios, bio);
	queue->stats.waiting++;
	queue->stats.delayed++;
	queue->stats.bytes += bio->bi_iter.bi_size;
	wait = qt_wait(&member->group->throttle, dir, now, &full);
	if (full != QT_NONE)
		queue->stats.full[full]++;
	if (first)
		start_timer(turns, now + wait);
}

static bool need_not_wait(struct qt_member *member, const struct bio *bio)
{
	return member->draining || (!member->urgent_waits &&
				    bio->bi_opf & (REQ_META | REQ_SWAP));
}

/* Under the lock: may it go, and if so, it has been poured in. */
static bool admit(struct qt_member *member, struct bio *bio, enum qt_dir dir,
		  u64 now)
{
	struct qt_group *group = member->group;
	u64 bytes = bio->bi_iter.bi_size;

	if (unlikely(need_not_wait(member, bio))) {
		qt_account(&group->throttle, dir, bytes, now);
		return true;
	}
	return list_empty(&group->turns[dir].members) &&
	       qt_admit(&group->throttle, dir, bytes, now);
}

/**
 * qt_member_admit - may a request go now?
 * @member: the device it came to
 * @bio: the request, already remapped
 *
 * Return: true if it may; if not, the group will submit it.
 */
bool qt_member_admit(struct qt_member *member, struct bio *bio)
{
	struct qt_group *group = member->group;
	enum qt_dir dir = bio_dir(bio);
	bool go;
	u64 now;

	if (!READ_ONCE(group->enabled))
		return true;
	spin_lock(&group->lock);
	now = ktime_get_ns();
	go = admit(member, bio, dir, now);
	if (unlikely(!go))
		wait_in_queue(member, dir, bio, now);
	spin_unlock(&group->lock);
	return go;
}

static void collect_all(struct qt_member *member, enum qt_dir dir,
			struct bio_list *go, u64 now)
{
	struct qt_queue *queue = &member->queue[dir];
	struct bio *bio;

	while (!bio_list_empty(&queue->bios)) {
		bio = take_oldest(queue, now);
		qt_account(&member->group->throttle, dir,
			   bio->bi_iter.bi_size, now);
		bio_list_add(go, bio);
	}
}

/**
 * qt_member_drain - let everything go, now and from now on
 * @member: the device, which is about to suspend
 *
 * As in QEMU, what waits goes without limits but is accounted. The others'
 * turns are not touched: the timer is the group's, not the member's.
 */
void qt_member_drain(struct qt_member *member)
{
	struct bio_list go = BIO_EMPTY_LIST;
	u64 now;

	spin_lock(&member->group->lock);
	now = ktime_get_ns();
	member->draining = true;
	collect_all(member, QT_READ, &go, now);
	collect_all(member, QT_WRITE, &go, now);
	spin_unlock(&member->group->lock);
	submit(&go);
}

/**
 * qt_member_undrain - throttle again
 * @member: the device, which resumes or did not suspend after all
 */
void qt_member_undrain(struct qt_member *member)
{
	spin_lock(&member->group->lock);
	member->draining = false;
	spin_unlock(&member->group->lock);
}

/**
 * qt_member_read_stats - what a device has had to wait for
 * @member: the device
 * @dir: read or write
 * @stats: gets the numbers
 */
void qt_member_read_stats(struct qt_member *member, enum qt_dir dir,
			  struct qt_stats *stats)
{
	spin_lock(&member->group->lock);
	*stats = member->queue[dir].stats;
	spin_unlock(&member->group->lock);
}

/**
 * qt_groups_init - what all groups share
 *
 * Return: 0, or -ENOMEM.
 */
int qt_groups_init(void)
{
	release_wq = alloc_workqueue("qthrottle", WQ_MEM_RECLAIM | WQ_HIGHPRI |
				     WQ_PERCPU, 0);
	return release_wq ? 0 : -ENOMEM;
}

/**
 * qt_groups_exit - undo qt_groups_init(), when no group is left
 */
void qt_groups_exit(void)
{
	destroy_workqueue(release_wq);
}
