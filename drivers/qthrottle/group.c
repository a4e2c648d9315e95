// SPDX-License-Identifier: GPL-2.0-only
/*
 * Admission, queueing and round-robin dispatch. Admission is one short critical
 * section per request. A request that must wait is queued with its device; one
 * hrtimer per group fires at the very instant at which the next one may
 * proceed, and the group's worker then dispatches all that may and re-arms the
 * timer. Nothing polls. Each device has its own worker that submits dispatched
 * requests.
 *
 * Turns: each device has a pass; the lowest is next and advances by a stride
 * inversely proportional to its weight. With equal weights that is a round
 * robin. A device that had none waiting starts at the pass of the others, so
 * idling saves up no turns. Reads and writes have separate turns, and are tried
 * alternately: with a limit on both together neither can starve the other.
 *
 * Debt: requests drained by a suspend bypass admission, and a table loaded in
 * place of another may begin with a new group. So the device keeps its own
 * buckets over a suspend, and until they are empty they limit it in addition to
 * its group's. A private group is charged in full for drained requests. A named
 * one only until it is full: the rest is the device's debt alone, and the
 * others, which did not cause it, do not wait for it.
 *
 * Locking: @lock of a group is a plain spinlock: it is taken in map(), by the
 * workers, by messages and by suspend, all in process context; the timer's
 * callback only queues the worker and takes no lock. Under it nothing sleeps
 * and no bio is submitted. @members_lock is a mutex for the list that users can
 * read; groups_lock, for the list of groups, is taken before it.
 *
 * Submitting may sleep for any time in the device below: for a tag, or for
 * memory that another throttled device of the same group must first free. So
 * the device's own worker does it on the device's own workqueue, with its own
 * rescuer, and the group's worker never sleeps.
 *
 * Life: dm counts a waiting bio as in flight, so no device can leave or be
 * removed with one waiting; presuspend drains the device first. So the timer
 * and the worker of a group without members find nothing, and qt_group_free()
 * only waits for them; qt_member_exit() does so for the device's worker. The
 * group's worker does not use a member once it has dropped the lock.
 */
#include <linux/device-mapper.h>
#include <linux/ktime.h>
#include <linux/slab.h>

#include "group.h"
#include "lower.h"
#include "options.h"
#include "turns.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

/*
 * How long a request may wait while its device suspends. Until device-mapper
 * blocks new ones, a busy submitter sends the next as soon as one completes:
 * without a wait hundreds bypass the limit at each suspend.
 */
#define DRAIN_MS	10

/* Maximum number of turns per lock hold. */
#define BATCH	256

static struct workqueue_struct *release_wq;

static LIST_HEAD(groups);
static DEFINE_MUTEX(groups_lock); /* guards the list of groups */

static struct qt_member *queue_member(struct qt_queue *queue, enum qt_dir dir)
{
	return container_of(queue, struct qt_member, queue[dir]);
}

static struct qt_queue *queue_of_node(const struct rb_node *node)
{
	return rb_entry(node, struct qt_queue, turn);
}

static bool node_comes_before(struct rb_node *a, const struct rb_node *b)
{
	return qt_comes_before(queue_of_node(a)->pass, queue_of_node(b)->pass);
}

static struct qt_bio *bio_data_of(struct bio *bio)
{
	return dm_per_bio_data(bio, sizeof(struct qt_bio));
}

/* With a debt no request may use the short path. */
static void set_owing(struct qt_group *group, unsigned int owing)
{
	lockdep_assert_held(&group->lock);
	group->owing = owing;
	group->throttle.idle_size = owing ? 0 : group->throttle.op_size;
}

/* Does the device have a debt under the limits in force? Ends a paid one. */
static bool has_debt(struct qt_member *member, u64 now)
{
	struct qt_group *group = member->group;
	struct qt_debt *debt = member->debt;

	lockdep_assert_held(&member->group->lock);
	if (!debt->owed)
		return false;
	if (memcmp(&debt->limits, &group->limits, sizeof(debt->limits))) {
		debt->limits = group->limits;
		qt_change(&debt->throttle, &debt->limits, now);
	}
	if (debt->lifted == group->lifted && !qt_is_idle(&debt->throttle, now))
		return true;
	debt->owed = false;
	set_owing(group, group->owing - 1);
	return false;
}

static u64 debt_wait(struct qt_member *member, enum qt_dir dir, u64 now,
		     enum qt_bucket *full)
{
	lockdep_assert_held(&member->group->lock);
	*full = QT_NONE;
	return has_debt(member, now) ?
		       qt_wait(&member->debt->throttle, dir, now, full) : 0;
}

/* The device's own buckets start as a copy of its group's. */
static void note_debt(struct qt_member *member)
{
	struct qt_group *group = member->group;
	struct qt_debt *debt = member->debt;

	lockdep_assert_held(&member->group->lock);
	qt_copy(&debt->throttle, &group->throttle);
	debt->limits = group->limits;
	debt->lifted = group->lifted;
	debt->owed = true;
}

static void charge_member(struct qt_member *member, enum qt_dir dir, u64 bytes,
			  u64 now)
{
	lockdep_assert_held(&member->group->lock);
	qt_account(&member->group->throttle, dir, bytes, now);
	if (has_debt(member, now))
		qt_account(&member->debt->throttle, dir, bytes, now);
}

/* The debt of others in a group must not follow the device into another. */
static void charge_drained(struct qt_member *member, enum qt_dir dir,
			   u64 bytes, u64 now)
{
	struct qt_group *group = member->group;

	lockdep_assert_held(&member->group->lock);
	if (group->private) {
		charge_member(member, dir, bytes, now);
		return;
	}
	if (!has_debt(member, now)) {
		note_debt(member);
		qt_forgive(&member->debt->throttle, now);
		set_owing(group, group->owing + 1);
	}
	qt_account(&member->debt->throttle, dir, bytes, now);
	qt_account_drained(&group->throttle, dir, bytes, now);
}

/*
 * Next device not blocked by its own debt; if none, @wait is the time until
 * there is one.
 */
static struct qt_queue *next_in_turn(struct qt_group *group, enum qt_dir dir,
				     u64 now, u64 *wait)
{
	struct rb_node *node = rb_first_cached(&group->turns[dir].queues);
	struct qt_queue *queue;
	enum qt_bucket full;
	u64 own;

	lockdep_assert_held(&group->lock);
	*wait = U64_MAX;
	for (; node; node = rb_next(node)) {
		queue = queue_of_node(node);
		if (!group->owing)
			return queue;
		own = debt_wait(queue_member(queue, dir), dir, now, &full);
		if (!own)
			return queue;
		*wait = min(*wait, own);
	}
	return NULL;
}

static void start_timer(struct qt_group *group, u64 at)
{
	ktime_t when = at > KTIME_MAX ? KTIME_MAX : at;

	lockdep_assert_held(&group->lock);
	hrtimer_start(&group->timer, when, HRTIMER_MODE_ABS);
}

/* The timer may be set for the other direction, with a shorter wait. */
static void start_timer_by(struct qt_group *group, u64 at)
{
	lockdep_assert_held(&group->lock);
	if (!hrtimer_is_queued(&group->timer) ||
	    at < ktime_to_ns(hrtimer_get_expires(&group->timer)))
		start_timer(group, at);
}

static enum qt_dir direction_of(const struct bio *bio)
{
	return op_is_write(bio_op(bio)) ? QT_WRITE : QT_READ;
}

/* Bytes charged for a request; a discard moves no data. */
static u64 bytes_of(const struct qt_member *member, const struct bio *bio)
{
	if (!member->discard_bytes && (bio_op(bio) == REQ_OP_DISCARD ||
				       bio_op(bio) == REQ_OP_SECURE_ERASE))
		return 0;
	return bio->bi_iter.bi_size;
}

static void note_waits(struct qt_stats *stats, u64 bytes, enum qt_bucket full)
{
	stats->waiting++;
	stats->delayed++;
	stats->bytes += bytes;
	if (full != QT_NONE)
		stats->full[full]++;
}

static void note_goes(struct qt_stats *stats, u64 waited)
{
	stats->waiting--;
	stats->total_ns += waited;
	if (waited > stats->longest_ns)
		stats->longest_ns = waited;
}

static struct bio *take_oldest(struct qt_member *member, enum qt_dir dir,
			       u64 now)
{
	struct qt_queue *queue = &member->queue[dir];
	struct bio *bio = bio_list_pop(&queue->bios);
	u64 waited = now - bio_data_of(bio)->since;

	lockdep_assert_held(&member->group->lock);
	note_goes(queue->stats, waited);
	note_goes(&member->group->stats[dir], waited);
	trace_qthrottle_release(member, bio, dir, waited);
	return bio;
}

static void stand_in_turn(struct qt_turns *turns, struct qt_queue *queue)
{
	rb_add_cached(&queue->turn, &turns->queues, node_comes_before);
}

static void take_turn(struct qt_group *group, enum qt_dir dir,
		      struct qt_queue *queue, u64 now)
{
	struct qt_member *member = queue_member(queue, dir);
	struct qt_turns *turns = &group->turns[dir];
	struct bio *bio;

	lockdep_assert_held(&group->lock);
	rb_erase_cached(&queue->turn, &turns->queues);
	turns->pass = queue->pass;
	queue->pass += QT_STRIDE / member->weight;
	bio = take_oldest(member, dir, now);
	if (!bio_list_empty(&queue->bios))
		stand_in_turn(turns, queue);
	charge_member(member, dir, bytes_of(member, bio), now);
	bio_list_add(&member->go, bio);
	queue_work(member->wq, &member->submit);
}

/* Return: was one dispatched? If not, @wait is the time until one may. */
static bool give_turn(struct qt_group *group, enum qt_dir dir, u64 now,
		      u64 *wait)
{
	struct qt_queue *queue = next_in_turn(group, dir, now, wait);
	enum qt_bucket full;

	lockdep_assert_held(&group->lock);
	if (!queue)
		return false;
	*wait = qt_wait(&group->throttle, dir, now, &full);
	if (*wait)
		return false;
	take_turn(group, dir, queue, now);
	return true;
}

static bool give_any_turn(struct qt_group *group, u64 now, u64 *wait)
{
	enum qt_dir first = group->next, second = !first;
	u64 other;

	lockdep_assert_held(&group->lock);
	if (give_turn(group, first, now, wait)) {
		group->next = second;
		return true;
	}
	if (give_turn(group, second, now, &other))
		return true;
	*wait = min(*wait, other);
	return false;
}

/* Dispatches all that may proceed, in batches, so that map() does not spin. */
static void give_turns(struct qt_group *group)
{
	u64 wait, now = ktime_get_ns();
	int i;

	lockdep_assert_held(&group->lock);
	for (i = 0; i < BATCH; i++) {
		if (give_any_turn(group, now, &wait))
			continue;
		if (wait != U64_MAX)
			start_timer(group, now + wait);
		return;
	}
	queue_work(release_wq, &group->work);
}

static void release_turns(struct work_struct *work)
{
	struct qt_group *group = container_of(work, struct qt_group, work);

	spin_lock(&group->lock);
	give_turns(group);
	spin_unlock(&group->lock);
}

static enum hrtimer_restart timer_fires(struct hrtimer *timer)
{
	struct qt_group *group = container_of(timer, struct qt_group, timer);

	queue_work(release_wq, &group->work);
	return HRTIMER_NORESTART;
}

static void submit_bios(struct bio_list *go)
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

static void drain_late(struct work_struct *work);

static void submit_released(struct work_struct *work)
{
	struct qt_member *member = container_of(work, struct qt_member, submit);
	struct bio_list go;

	spin_lock(&member->group->lock);
	go = member->go;
	bio_list_init(&member->go);
	spin_unlock(&member->group->lock);
	submit_bios(&go);
}

/**
 * qt_group_alloc - make a group with no limits and no members
 *
 * Return: the group, or NULL if out of memory.
 */
struct qt_group *qt_group_alloc(void)
{
	struct qt_group *group = kzalloc(sizeof(*group), GFP_KERNEL);

	if (!group)
		return NULL;
	spin_lock_init(&group->lock);
	mutex_init(&group->members_lock);
	INIT_LIST_HEAD(&group->members);
	group->turns[QT_READ].queues = RB_ROOT_CACHED;
	group->turns[QT_WRITE].queues = RB_ROOT_CACHED;
	hrtimer_setup(&group->timer, timer_fires, CLOCK_MONOTONIC,
		      HRTIMER_MODE_ABS);
	INIT_WORK(&group->work, release_turns);
	qt_limits_init(&group->limits);
	qt_config(&group->throttle, &group->limits);
	mutex_lock(&groups_lock);
	list_add_tail(&group->all, &groups);
	mutex_unlock(&groups_lock);
	return group;
}

/**
 * qt_group_free - free a group without members
 * @group: the group
 */
void qt_group_free(struct qt_group *group)
{
	mutex_lock(&groups_lock);
	list_del(&group->all);
	mutex_unlock(&groups_lock);
	hrtimer_cancel(&group->timer);
	cancel_work_sync(&group->work);
	kfree(group);
}

/**
 * qt_groups_each - call a function for each group with members
 * @show: called with the lock of its members held; must not sleep for long: no
 *	device joins or leaves meanwhile
 * @to: is passed on
 */
void qt_groups_each(void (*show)(struct qt_group *group, void *to), void *to)
{
	struct qt_group *group;

	mutex_lock(&groups_lock);
	list_for_each_entry(group, &groups, all) {
		mutex_lock(&group->members_lock);
		if (!list_empty(&group->members))
			show(group, to);
		mutex_unlock(&group->members_lock);
	}
	mutex_unlock(&groups_lock);
}

/* Re-examines waiting requests: the timer may be far in the future. */
static void look_at_waiting(struct qt_group *group)
{
	queue_work(release_wq, &group->work);
}

/**
 * qt_group_read_limits - the limits in force
 * @group: the group
 * @limits: result
 */
void qt_group_read_limits(struct qt_group *group, struct qt_limits *limits)
{
	spin_lock(&group->lock);
	*limits = group->limits;
	spin_unlock(&group->lock);
}

/* Limits that change nothing do not touch the buckets. */
static void apply_limits(struct qt_group *group, const struct qt_limits *limits)
{
	lockdep_assert_held(&group->lock);
	if (!memcmp(&group->limits, limits, sizeof(*limits)))
		return;
	group->limits = *limits;
	qt_change(&group->throttle, limits, ktime_get_ns());
	set_owing(group, group->owing);
	group->lifted += !qt_limits_enabled(limits);
	WRITE_ONCE(group->enabled, qt_limits_enabled(limits));
}

/**
 * qt_group_set_limits - replace all limits
 * @group: the group
 * @limits: the new ones
 * @why: the reason, if refused
 *
 * Takes effect immediately, also on waiting requests.
 *
 * Return: 0, or -EINVAL with nothing changed.
 */
int qt_group_set_limits(struct qt_group *group, const struct qt_limits *limits,
			struct qdm_why *why)
{
	int r = qt_limits_judge(limits, why);

	if (r)
		return r;
	spin_lock(&group->lock);
	apply_limits(group, limits);
	spin_unlock(&group->lock);
	look_at_waiting(group);
	return 0;
}

static void overlay_options(struct qt_options *to,
			    const struct qt_options *from, u64 given)
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
 * qt_group_change_limits - change the named limits, keep the others
 * @group: the group
 * @argc: number of words
 * @argv: "<limit> <value>" pairs
 * @why: the reason, if refused
 *
 * Concurrent changes do not undo each other: the given limits are laid over
 * those of that instant.
 *
 * Return: 0, or -EINVAL with nothing changed.
 */
int qt_group_change_limits(struct qt_group *group, unsigned int argc,
			   char **argv, struct qdm_why *why)
{
	struct qt_options changes, result;
	u64 given;
	int r;

	r = qdm_opts_parse(&qt_limit_table, &changes, argc, argv, &given, why);
	if (r)
		return r;
	spin_lock(&group->lock);
	result.limits = group->limits;
	overlay_options(&result, &changes, given);
	r = qt_limits_judge(&result.limits, why);
	if (!r)
		apply_limits(group, &result.limits);
	spin_unlock(&group->lock);
	if (!r)
		look_at_waiting(group);
	return r;
}

/**
 * qt_member_init - initialize a member, which has yet to join
 * @member: the member
 * @group: its group
 * @md: its device
 * @past: the device's statistics and debt
 *
 * Return: 0, or -ENOMEM.
 */
int qt_member_init(struct qt_member *member, struct qt_group *group,
		   struct mapped_device *md, struct qt_past *past)
{
	*member = (struct qt_member){
		.group = group, .device = dm_device_name(md),
		.dev = disk_devt(dm_disk(md)), .weight = QT_WEIGHT_DEFAULT,
		.queue[QT_READ].stats = &past->stats[QT_READ],
		.queue[QT_WRITE].stats = &past->stats[QT_WRITE],
		.debt = &past->debt,
	};
	bio_list_init(&member->queue[QT_READ].bios);
	bio_list_init(&member->queue[QT_WRITE].bios);
	bio_list_init(&member->go);
	INIT_WORK(&member->submit, submit_released);
	INIT_DELAYED_WORK(&member->drain, drain_late);
	member->wq = alloc_workqueue("qthrottle/%s", WQ_MEM_RECLAIM |
				     WQ_HIGHPRI | WQ_PERCPU, 1, member->device);
	return member->wq ? 0 : -ENOMEM;
}

/**
 * qt_member_exit - undo qt_member_init()
 * @member: the member, not joined
 */
void qt_member_exit(struct qt_member *member)
{
	cancel_delayed_work_sync(&member->drain);
	destroy_workqueue(member->wq);
}

static void bring_debt(struct qt_member *member)
{
	struct qt_group *group = member->group;

	spin_lock(&group->lock);
	member->debt->lifted = group->lifted;
	if (member->debt->owed)
		set_owing(group, group->owing + 1);
	spin_unlock(&group->lock);
}

/* The content of a private group's buckets follows the device. */
static void take_debt(struct qt_member *member)
{
	struct qt_group *group = member->group;
	u64 now;

	spin_lock(&group->lock);
	now = ktime_get_ns();
	if (has_debt(member, now))
		set_owing(group, group->owing - 1);
	else if (group->private && !qt_is_idle(&group->throttle, now))
		note_debt(member);
	spin_unlock(&group->lock);
}

/**
 * qt_member_join - join the group
 * @member: the member, of a device that resumes
 */
void qt_member_join(struct qt_member *member)
{
	struct qt_group *group = member->group;

	mutex_lock(&group->members_lock);
	if (!member->joined) {
		list_add_tail(&member->node, &group->members);
		bring_debt(member);
	}
	member->joined = true;
	mutex_unlock(&group->members_lock);
	qt_member_undrain(member);
}

/**
 * qt_member_leave - leave the group
 * @member: the member, of a suspended device without waiting requests
 */
void qt_member_leave(struct qt_member *member)
{
	struct qt_group *group = member->group;

	mutex_lock(&group->members_lock);
	if (member->joined) {
		list_del(&member->node);
		take_debt(member);
	}
	member->joined = false;
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

/*
 * From here on the request is not polled for, and a worker submits it: if the
 * device below has no room then, it must wait and not fail.
 */
static void wait_in_queue(struct qt_member *member, enum qt_dir dir,
			  struct bio *bio, u64 now)
{
	struct qt_group *group = member->group;
	struct qt_turns *turns = &group->turns[dir];
	struct qt_queue *queue = &member->queue[dir];
	bool first = RB_EMPTY_ROOT(&turns->queues.rb_root) ||
		     group->owing;
	enum qt_bucket full, full_own;
	u64 wait, own;

	lockdep_assert_held(&member->group->lock);
	if (bio_list_empty(&queue->bios)) {
		queue->pass = qt_rejoin(queue->pass, turns->pass);
		stand_in_turn(turns, queue);
	}
	bio->bi_opf &= ~(REQ_POLLED | REQ_NOWAIT);
	bio_data_of(bio)->since = now;
	bio_list_add(&queue->bios, bio);
	wait = qt_wait(&group->throttle, dir, now, &full);
	own = debt_wait(member, dir, now, &full_own);
	if (own > wait) {
		wait = own;
		full = full_own;
	}
	note_waits(queue->stats, bio->bi_iter.bi_size, full);
	note_waits(&group->stats[dir], bio->bi_iter.bi_size, full);
	trace_qthrottle_throttle(member, bio, dir, full, wait);
	if (first)
		start_timer_by(group, now + wait);
	if (member->draining)
		queue_delayed_work(release_wq, &member->drain,
				   msecs_to_jiffies(DRAIN_MS));
}

static bool need_not_wait(const struct qt_member *member, const struct bio *bio)
{
	return !member->urgent_waits && bio->bi_opf & (REQ_META | REQ_SWAP);
}

/* May a request proceed without a check of the turns? */
static bool nobody_waits(struct qt_group *group, enum qt_dir dir, u64 now)
{
	u64 wait;

	lockdep_assert_held(&group->lock);
	return RB_EMPTY_ROOT(&group->turns[dir].queues.rb_root) ||
	       (group->owing && !next_in_turn(group, dir, now, &wait));
}

static bool may_member_go(struct qt_member *member, enum qt_dir dir, u64 bytes,
			  u64 now)
{
	struct qt_group *group = member->group;
	enum qt_bucket full;

	lockdep_assert_held(&member->group->lock);
	if (!nobody_waits(group, dir, now) ||
	    debt_wait(member, dir, now, &full) ||
	    !qt_admit(&group->throttle, dir, bytes, now))
		return false;
	if (has_debt(member, now))
		qt_account(&member->debt->throttle, dir, bytes, now);
	return true;
}

/**
 * __qt_member_admit - qt_member_admit() when the buckets are not empty
 * @member: the device of the request
 * @bio: the request
 * @now: the time in nanoseconds
 *
 * Context: the group's lock is held.
 * Return: true if it may proceed; if not, it has been queued.
 */
bool __qt_member_admit(struct qt_member *member, struct bio *bio, u64 now)
{
	u64 bytes = bytes_of(member, bio);
	enum qt_dir dir = direction_of(bio);

	lockdep_assert_held(&member->group->lock);
	if (!qdm_has_data(bio))
		return true;
	if (need_not_wait(member, bio)) {
		charge_member(member, dir, bytes, now);
		return true;
	}
	if (may_member_go(member, dir, bytes, now))
		return true;
	wait_in_queue(member, dir, bio, now);
	return false;
}

/* Return: true if there was one to drain. */
static bool drain_one(struct qt_member *member, enum qt_dir dir, u64 now)
{
	struct qt_queue *queue = &member->queue[dir];
	struct bio *bio;

	lockdep_assert_held(&member->group->lock);
	if (bio_list_empty(&queue->bios))
		return false;
	bio = take_oldest(member, dir, now);
	if (bio_list_empty(&queue->bios))
		rb_erase_cached(&queue->turn, &member->group->turns[dir].queues);
	charge_drained(member, dir, bytes_of(member, bio), now);
	bio_list_add(&member->go, bio);
	return true;
}

static bool drain_some(struct qt_member *member)
{
	u64 now = ktime_get_ns();
	bool more = true;
	int i;

	lockdep_assert_held(&member->group->lock);
	for (i = 0; i < BATCH && more; i++)
		more = drain_one(member, QT_READ, now) ||
		       drain_one(member, QT_WRITE, now);
	queue_work(member->wq, &member->submit);
	return more;
}

static void drain_all(struct qt_member *member)
{
	bool more = true;

	while (more) {
		spin_lock(&member->group->lock);
		more = member->draining && drain_some(member);
		spin_unlock(&member->group->lock);
		cond_resched();
	}
}

static void drain_late(struct work_struct *work)
{
	drain_all(container_of(to_delayed_work(work), struct qt_member, drain));
}

/**
 * qt_member_drain - release all waiting requests, and later ones after DRAIN_MS
 * @member: the device, which is about to suspend
 *
 * As in QEMU, waiting requests proceed without limits but are accounted; unlike
 * there, the excess over full is the debt of this device alone, so that the
 * others of the group do not stall for it. Their turns are not touched: the
 * timer is the group's, not the member's.
 *
 * The worker submits here, too: it may sleep for any time in the device below,
 * and the suspend must remain interruptible.
 */
void qt_member_drain(struct qt_member *member)
{
	spin_lock(&member->group->lock);
	member->draining = true;
	spin_unlock(&member->group->lock);
	drain_all(member);
}

/**
 * qt_member_undrain - throttle again
 * @member: the device, which resumes or did not suspend
 */
void qt_member_undrain(struct qt_member *member)
{
	spin_lock(&member->group->lock);
	member->draining = false;
	spin_unlock(&member->group->lock);
}

/**
 * qt_member_read_stats - a device's statistics
 * @member: the device
 * @dir: read or write
 * @stats: result
 */
void qt_member_read_stats(struct qt_member *member, enum qt_dir dir,
			  struct qt_stats *stats)
{
	spin_lock(&member->group->lock);
	*stats = *member->queue[dir].stats;
	spin_unlock(&member->group->lock);
}

/**
 * qt_group_read_stats - a group's statistics
 * @group: the group
 * @dir: read or write
 * @stats: result, including members that have left
 */
void qt_group_read_stats(struct qt_group *group, enum qt_dir dir,
			 struct qt_stats *stats)
{
	spin_lock(&group->lock);
	*stats = group->stats[dir];
	spin_unlock(&group->lock);
}

/**
 * qt_groups_init - create the common workqueue
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
 * qt_groups_exit - undo qt_groups_init(); no group may be left
 */
void qt_groups_exit(void)
{
	destroy_workqueue(release_wq);
}
