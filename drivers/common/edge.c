// SPDX-License-Identifier: GPL-2.0-only
/*
 * A backup is of one instant only if every write to its device passed it. As
 * long as the tables are qdm's they show this; this file tracks them, and
 * detects when another kind of table was live in between. It is not in the I/O
 * path.
 *
 *	          swap            resume         postsuspend
 *	built ----------> (built) ------> live -------------> held
 *	                                   ^                    |
 *	                                   +---- resume, of ----+
 *	                                      the same table
 *
 * An edge *counts* from its first resume to its destructor. It is *guarded* if
 * it is a guard, or if an edge that counts and is guarded is stacked on its
 * device. A watch is concerned by all guarded edges from which edges that count
 * lead down to it, and by its own lines. It may read
 *
 * - while all these are live, one of them a guard if one is needed;
 * - while one is held, if another table of the same device is live whose line
 *   leads to the same place, its heir; data read then is unproven.
 *
 * It is lost when one of them is destroyed without an heir that directly
 * replaced it; the heir of a guard is a guard, as nothing above a filter would
 * report the table after it. dm calls no method of the old table while another
 * is live, and destroys it only after that; meanwhile a third may have replaced
 * the second and may be one of ours again. So the direct successor of an edge
 * must be proven, and it can be: dm_swap_table() calls the io_hints of each new
 * table while the device is suspended, and the task that swapped a table out
 * also destroys it, before it returns to user space. If the task that destroys
 * X called the io_hints of Y while X was held, then
 *
 * - X was in place at that time: had another task swapped it out before, that
 *   task would destroy X; had this one, it would have done so by now;
 * - so Y directly replaced X, and the device was suspended from the time X was
 *   held until Y was live.
 *
 * Both tasks are alive between the two calls, so comparing pointers is enough.
 *
 * Invariants:
 * 1. From an edge that concerns a watch, edges that count lead to it until the
 *    edge is destroyed or the watch is lost: each edge on the way is guarded,
 *    and at its end an heir leads to the same place.
 * 2. An edge guarded at any time while held stays guarded until it is resumed
 *    or destroyed, even if the guard above it moves elsewhere meanwhile: writes
 *    may have passed in between.
 * 3. An edge that was never live changes nothing when built or destroyed.
 * 4. In undecidable cases, as with more than MAX_DEPTH stacked devices or a
 *    cycle of tables that replace each other, a watch is lost rather than kept.
 *
 * tests/unit/test-edge.c runs all this in user space against a model of
 * device-mapper, with several tasks whose steps are ordered at random.
 *
 * Locking: edges_lock guards everything here. It is taken by constructors,
 * destructors and dm's suspend, swap and resume callbacks, with the device's
 * suspend lock held or not; under it nothing is allocated and nothing waited
 * for, as a device that reclaim writes to may be suspended. Under it a watch's
 * tell() takes the job's spinlock. Nor are reads in flight waited for: the
 * device below may hang. The job drops their data. settle() is called without
 * the lock; a reference keeps the watch.
 * Life: an edge is part of its table and in the registry from constructor to
 * destructor; it keeps both devices. A watch is part of its job, and so kept by
 * each table whose edge points to it.
 */
#ifdef __KERNEL__
#include <linux/blkdev.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#endif

#include "edge.h"

/* Maximum number of stacked devices. */
#define MAX_DEPTH	16

/* Found above an edge. */
#define GUARDED		BIT(0)
#define LIVE_GUARD	BIT(1) /* through live edges, including this one */

static DEFINE_MUTEX(edges_lock);
static DEFINE_HASHTABLE(uppers, 8);
static DEFINE_HASHTABLE(lowers, 8);
static LIST_HEAD(watches);
static u64 now;
static u64 climbs;
static u64 trials;

/*-------------------------------- walk down --------------------------------*/

static bool edge_covers(const struct qdm_edge *edge, sector_t sector,
			sector_t len)
{
	return sector >= edge->begin && len <= edge->len &&
	       sector - edge->begin <= edge->len - len;
}

/* Do edges lead from there to the watch? @to gets the sector on its device. */
static bool edges_lead(const struct gendisk *disk, sector_t sector,
		       sector_t len, const struct qdm_watch *watch,
		       unsigned int depth, sector_t *to)
{
	struct qdm_edge *edge;

	lockdep_assert_held(&edges_lock);
	hash_for_each_possible(uppers, edge, by_upper, (unsigned long)disk) {
		if (edge->upper != disk || !edge->counts ||
		    edge->tried == trials || !edge_covers(edge, sector, len))
			continue;
		edge->tried = trials;
		*to = sector;
		if (edge->watch == watch)
			return true;
		if (depth &&
		    edges_lead(edge->lower, edge->start + sector - edge->begin,
			       len, watch, depth - 1, to))
			return true;
	}
	return false;
}

/* Finds the sector of the watch's device below @sector of @edge. */
static bool find_place(const struct qdm_edge *edge, sector_t sector,
		       sector_t len, const struct qdm_watch *watch,
		       sector_t *place)
{
	lockdep_assert_held(&edges_lock);
	trials++;
	return edges_lead(edge->lower, edge->start + sector - edge->begin, len,
			  watch, MAX_DEPTH, place);
}

/* Do @held and @heir map @held's range to the same place of the watch? */
static bool same_way(const struct qdm_edge *held, const struct qdm_edge *heir,
		     const struct qdm_watch *watch)
{
	sector_t by_held, by_heir;

	lockdep_assert_held(&edges_lock);
	if (held->watch == watch)
		return heir->watch == watch;
	if (heir->lower == held->lower &&
	    heir->start - heir->begin == held->start - held->begin)
		return true;
	return find_place(held, held->begin, held->len, watch, &by_held) &&
	       find_place(heir, held->begin, held->len, watch, &by_heir) &&
	       by_held == by_heir;
}

/* Was its table put in place since @held was held? */
static bool came_after(const struct qdm_edge *heir, const struct qdm_edge *held)
{
	return heir->upper == held->upper && heir->swapped_at > held->held_at;
}

static struct qdm_edge *find_heir(const struct qdm_edge *held,
				  const struct qdm_watch *watch,
				  const struct task_struct *swapper)
{
	struct qdm_edge *heir;

	lockdep_assert_held(&edges_lock);
	if (held->state != QDM_EDGE_HELD)
		return NULL;
	hash_for_each_possible(uppers, heir, by_upper,
			       (unsigned long)held->upper) {
		if (came_after(heir, held) &&
		    (!swapper || heir->swapper == swapper) &&
		    (heir->guard || !held->guard) &&
		    edge_covers(heir, held->begin, held->len) &&
		    same_way(held, heir, watch))
			return heir;
	}
	return NULL;
}

/*--------------------------------- walk up ---------------------------------*/

/**
 * struct walk - a walk from a watch up to the guards above it
 * @watch: start
 * @about: the edge searched for
 * @met: @about was found
 * @held: an edge that concerns the watch is held
 * @state: new state of the watch
 */
struct walk {
	const struct qdm_watch *watch;
	const struct qdm_edge *about;
	bool met;
	bool held;
	struct qdm_guarding *state;
};

static void consider_held(struct walk *walk, struct qdm_edge *edge)
{
	struct qdm_edge *heir = find_heir(edge, walk->watch, NULL);

	lockdep_assert_held(&edges_lock);
	edge->guarded |= edge->found & GUARDED;
	walk->held = true;
	walk->state->closed |= !heir || heir->state != QDM_EDGE_LIVE;
	walk->state->lost |= !heir && edge->overtaken;
}

static void consider_edge(struct walk *walk, struct qdm_edge *edge)
{
	lockdep_assert_held(&edges_lock);
	walk->met |= edge == walk->about;
	if (walk->state && edge->state != QDM_EDGE_LIVE)
		consider_held(walk, edge);
}

static bool lies_on(const struct qdm_edge *above, const struct qdm_edge *edge)
{
	return above->lower == edge->upper && above->counts &&
	       above->start < edge->begin + edge->len &&
	       edge->begin < above->start + above->len;
}

/* An edge reached again during its own visit counts as guarded. */
static unsigned int climb_edge(struct walk *walk, struct qdm_edge *edge,
			       unsigned int depth)
{
	unsigned int found = edge->guard ? GUARDED | LIVE_GUARD : 0;
	struct qdm_edge *above;

	lockdep_assert_held(&edges_lock);
	if (edge->climbed == climbs)
		return edge->found;
	edge->climbed = climbs;
	edge->found = GUARDED;
	if (edge->guarded || !depth)
		found |= GUARDED;
	hash_for_each_possible(lowers, above, by_lower,
			       (unsigned long)edge->upper)
		if (depth && lies_on(above, edge))
			found |= climb_edge(walk, above, depth - 1);
	if (edge->state != QDM_EDGE_LIVE)
		found &= ~LIVE_GUARD;
	edge->found = found;
	if (found & GUARDED || edge->watch == walk->watch)
		consider_edge(walk, edge);
	return found;
}

/* Climbs from all lines of the watch: those of two tables during a swap. */
static unsigned int climb_from(struct walk *walk)
{
	const struct gendisk *disk = walk->watch->upper;
	unsigned int found = 0;
	struct qdm_edge *edge;

	lockdep_assert_held(&edges_lock);
	climbs++;
	hash_for_each_possible(uppers, edge, by_upper, (unsigned long)disk)
		if (edge->watch == walk->watch && edge->counts)
			found |= climb_edge(walk, edge, MAX_DEPTH);
	return found;
}

static bool edge_concerns(const struct qdm_edge *edge,
			  const struct qdm_watch *watch)
{
	struct walk walk = { .watch = watch, .about = edge };

	lockdep_assert_held(&edges_lock);
	climb_from(&walk);
	return walk.met;
}

/*---------------------------------- watches --------------------------------*/

static void evaluate_watch(struct qdm_watch *watch)
{
	struct qdm_guarding was = watch->state;
	struct qdm_guarding state = { .needed = was.needed, .lost = was.lost };
	struct walk walk = { .watch = watch, .state = &state };
	unsigned int found = climb_from(&walk);

	lockdep_assert_held(&edges_lock);
	if (watch->required || found & LIVE_GUARD)
		state.needed = true;
	if (state.lost || (state.needed && !(found & LIVE_GUARD)))
		state.closed = true;
	state.unproven = walk.held && (was.unproven || !state.closed);
	state.tainted = was.lost ? was.tainted : state.lost && was.unproven;
	watch->state = state;
	if (memcmp(&state, &was, sizeof(state)))
		watch->ops->tell(watch, &state);
}

static void evaluate_all(void)
{
	struct qdm_watch *watch;

	lockdep_assert_held(&edges_lock);
	list_for_each_entry(watch, &watches, node)
		evaluate_watch(watch);
}

/* Next lost watch after @last. Return: it, with a reference, or NULL. */
static struct qdm_watch *next_lost(struct qdm_watch *last)
{
	struct qdm_watch *watch;

	mutex_lock(&edges_lock);
	watch = list_prepare_entry(last, &watches, node);
	list_for_each_entry_continue(watch, &watches, node) {
		if (watch->state.lost && watch->ops->get(watch)) {
			__module_get(watch->ops->owner);
			mutex_unlock(&edges_lock);
			return watch;
		}
	}
	mutex_unlock(&edges_lock);
	return NULL;
}

/* put() may drop the last reference to the module of its code. */
static void let_edge_go(struct qdm_watch *watch)
{
	struct module *owner = watch->ops->owner;

	watch->ops->put(watch);
	module_put(owner);
}

static void settle_lost(void)
{
	struct qdm_watch *watch = NULL, *last;

	do {
		last = watch;
		watch = next_lost(last);
		if (last)
			let_edge_go(last);
		if (watch)
			watch->ops->settle(watch);
	} while (watch);
}

/**
 * qdm_watch_add - register a watch; no reports before a line of it is live
 * @watch: the watch
 * @ops: callbacks
 * @upper: the device it watches
 */
void qdm_watch_add(struct qdm_watch *watch, const struct qdm_watch_ops *ops,
		   const struct gendisk *upper)
{
	memset(watch, 0, sizeof(*watch));
	watch->ops = ops;
	watch->upper = upper;
	mutex_lock(&edges_lock);
	list_add_tail(&watch->node, &watches);
	mutex_unlock(&edges_lock);
}
EXPORT_SYMBOL_GPL(qdm_watch_add);

/**
 * qdm_watch_del - unregister a watch
 * @watch: the watch, which no edge points to
 */
void qdm_watch_del(struct qdm_watch *watch)
{
	mutex_lock(&edges_lock);
	list_del(&watch->node);
	mutex_unlock(&edges_lock);
}
EXPORT_SYMBOL_GPL(qdm_watch_del);

/*----------------------------------- edges ---------------------------------*/

/**
 * qdm_edge_add - register a new line's edge
 * @edge: its edge, with @guard, @watch and @required set
 * @ti: its target
 * @lower: the device below
 */
void qdm_edge_add(struct qdm_edge *edge, struct dm_target *ti,
		  const struct qdm_lower *lower)
{
	struct block_device *bdev = lower->dev->bdev;

	edge->upper = dm_disk(dm_table_get_md(ti->table));
	edge->lower = bdev->bd_disk;
	edge->begin = ti->begin;
	edge->len = ti->len;
	edge->start = get_start_sect(bdev) + lower->start;
	mutex_lock(&edges_lock);
	hash_add(uppers, &edge->by_upper, (unsigned long)edge->upper);
	hash_add(lowers, &edge->by_lower, (unsigned long)edge->lower);
	mutex_unlock(&edges_lock);
}
EXPORT_SYMBOL_GPL(qdm_edge_add);

static void lose_watch(struct qdm_watch *watch)
{
	struct qdm_guarding was = watch->state;

	lockdep_assert_held(&edges_lock);
	if (was.lost)
		return;
	watch->state.lost = true;
	watch->state.tainted = was.unproven;
	watch->state.closed = true;
	watch->ops->tell(watch, &watch->state);
}

/* Loses each watch for which this task put no heir directly after it. */
static void judge_gone(const struct qdm_edge *edge)
{
	struct qdm_watch *watch;

	lockdep_assert_held(&edges_lock);
	list_for_each_entry(watch, &watches, node)
		if (edge_concerns(edge, watch) &&
		    !find_heir(edge, watch, current))
			lose_watch(watch);
}

/* The heir's table counts from now on, though it may not be live. */
static void hand_edge_on(const struct qdm_edge *edge)
{
	struct qdm_edge *heir;

	lockdep_assert_held(&edges_lock);
	hash_for_each_possible(uppers, heir, by_upper,
			       (unsigned long)edge->upper) {
		if (heir->counts || !came_after(heir, edge) ||
		    heir->swapper != current)
			continue;
		heir->counts = true;
		heir->guarded = edge->guarded;
		heir->state = QDM_EDGE_HELD;
		heir->held_at = ++now;
	}
}

/**
 * qdm_edge_del - a line is being destroyed
 * @edge: its edge
 */
void qdm_edge_del(struct qdm_edge *edge)
{
	mutex_lock(&edges_lock);
	if (edge->counts) {
		judge_gone(edge);
		hand_edge_on(edge);
	}
	hash_del(&edge->by_upper);
	hash_del(&edge->by_lower);
	evaluate_all();
	mutex_unlock(&edges_lock);
	settle_lost();
}
EXPORT_SYMBOL_GPL(qdm_edge_del);

/**
 * qdm_edge_swap - a line's table is being put in place; from io_hints
 * @edge: its edge
 *
 * Also called when a device's first table is loaded.
 */
void qdm_edge_swap(struct qdm_edge *edge)
{
	mutex_lock(&edges_lock);
	edge->swapped_at = ++now;
	edge->swapper = current;
	mutex_unlock(&edges_lock);
}
EXPORT_SYMBOL_GPL(qdm_edge_swap);

static void overtake_held(const struct qdm_edge *edge)
{
	struct qdm_edge *held;

	lockdep_assert_held(&edges_lock);
	hash_for_each_possible(uppers, held, by_upper,
			       (unsigned long)edge->upper)
		if (held->state == QDM_EDGE_HELD && came_after(edge, held))
			held->overtaken = true;
}

/**
 * qdm_edge_resume - a line is live
 * @edge: its edge
 */
void qdm_edge_resume(struct qdm_edge *edge)
{
	mutex_lock(&edges_lock);
	edge->state = QDM_EDGE_LIVE;
	edge->counts = true;
	edge->guarded = false;
	edge->overtaken = false;
	if (edge->watch && edge->required)
		edge->watch->required = true;
	overtake_held(edge);
	evaluate_all();
	mutex_unlock(&edges_lock);
	settle_lost();
}
EXPORT_SYMBOL_GPL(qdm_edge_resume);

/**
 * qdm_edge_postsuspend - a line is held: no bio is in flight through it
 * @edge: its edge
 *
 * On return, any read of the data below for a backup that it concerns is void.
 */
void qdm_edge_postsuspend(struct qdm_edge *edge)
{
	mutex_lock(&edges_lock);
	edge->state = QDM_EDGE_HELD;
	edge->held_at = ++now;
	evaluate_all();
	mutex_unlock(&edges_lock);
	settle_lost();
}
EXPORT_SYMBOL_GPL(qdm_edge_postsuspend);
