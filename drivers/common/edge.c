// SPDX-License-Identifier: GPL-2.0-only
/*
 * A backup is of one instant only if every write to its device passed it. The
 * tables say so as long as they are ours; this file knows them, and notices when
 * one that is not ours was live in between. It is not asked by any bio.
 *
 *	          swap            resume         postsuspend
 *	built ----------> (built) ------> live -------------> held
 *	                                   ^                    |
 *	                                   +---- resume, of ----+
 *	                                      the same table
 *
 * An edge *counts* from its first resume to its destructor. It is *guarded* if
 * it is a guard, or if an edge that counts and is guarded lies on its device. A
 * watch concerns all guarded edges from which edges that count lead down to it,
 * and its own lines. It may read
 *
 * - while all these are live, one of them a guard if one is needed;
 * - while one is held, if another table of the same device is live whose line
 *   leads to the same place, its heir; what is read then is unproven.
 *
 * It is lost when one of them is destroyed and has no heir that took its place
 * directly; the heir of a guard is a guard, as nothing above a filter would tell
 * of the table after it. dm calls nothing of the old table when another is live, and
 * destroys it only after that; meanwhile a third may have taken the place of
 * the second, and that one may be of ours again. So who came directly after an
 * edge is to be proven, and it can be: dm_swap_table() asks each new table for
 * its io_hints while the device is suspended, and the task that swapped a table
 * out is the one that destroys it, before it returns to user space. If the task
 * that destroys X asked Y for its hints while X was held, then
 *
 * - X was in place at that time: had another task swapped it out before, that
 *   one would destroy X; had this one, it would have done so by now;
 * - so Y came directly after X, and the device was suspended from the time X was
 *   held until Y was live.
 *
 * Both tasks are alive between the two calls, so comparing pointers is enough.
 *
 * Invariants:
 * 1. From an edge that concerns a watch edges that count lead to it until the
 *    edge is destroyed, or the watch is lost: each edge on the way is guarded,
 *    and at its end an heir leads to the same place.
 * 2. What was guarded at any time while it was held stays so until it is resumed
 *    or destroyed, though the guard above it goes elsewhere meanwhile: writes
 *    may have passed in between.
 * 3. An edge that was never live changes nothing, built or destroyed.
 * 4. Where something cannot be told, as beyond MAX_DEPTH devices on each other
 *    or in a circle of tables that replace each other, a watch is lost rather
 *    than kept.
 *
 * tests/unit/test-edge.c plays all this in user space against a model of
 * device-mapper, with several tasks whose steps come in random order.
 *
 * Locking: edges_lock guards everything here. It is taken by constructors,
 * destructors and what dm calls at a suspend, a swap or a resume, with the
 * device's suspend lock held or not; under it nothing is allocated and nothing
 * waited for, as a device that memory is written to may be suspended. Under it
 * a watch's tell() takes the job's spinlock. Nor is a read waited for that has
 * begun: the device below may hang. The job drops what such a read brings.
 * settle() is called without the lock; the watch stays because of its reference.
 * Life: an edge is part of its table and in the registry from constructor to
 * destructor; it keeps both devices. A watch is its job's, and so kept by each
 * table whose edge points to it.
 */
#ifdef __KERNEL__
#include <linux/blkdev.h>
#include <linux/hashtable.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#endif

#include "edge.h"

/* How many devices lie on each other at most. */
#define MAX_DEPTH	16

/* What is found above an edge. */
#define GUARDED		BIT(0)
#define LIVE_GUARD	BIT(1) /* by edges that are live, this one too */

static DEFINE_MUTEX(edges_lock);
static DEFINE_HASHTABLE(uppers, 8);
static DEFINE_HASHTABLE(lowers, 8);
static LIST_HEAD(watches);
static u64 now;
static u64 climbs;
static u64 trials;

/*----------------------------------- down ----------------------------------*/

static bool edge_covers(const struct qdm_edge *edge, sector_t sector,
			sector_t len)
{
	return sector >= edge->begin && len <= edge->len &&
	       sector - edge->begin <= edge->len - len;
}

/* Do edges lead from there to the watch? @to gets where on its device. */
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

/* Where does the part of @edge from @sector on lie on the watch's device? */
static bool find_place(const struct qdm_edge *edge, sector_t sector,
		       sector_t len, const struct qdm_watch *watch,
		       sector_t *place)
{
	lockdep_assert_held(&edges_lock);
	trials++;
	return edges_lead(edge->lower, edge->start + sector - edge->begin, len,
			  watch, MAX_DEPTH, place);
}

/* Does what @held maps get to the same place of the watch by @heir? */
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

/*------------------------------------ up -----------------------------------*/

/**
 * struct walk - a walk from a watch up to the guards above it
 * @watch: from where
 * @about: the edge that is looked for
 * @met: it was found
 * @held: an edge that concerns the watch is held
 * @state: what the watch is to be told
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

/* Whoever comes to an edge again while it is being looked at takes it for guarded. */
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

/* From all lines of the watch itself: of two tables at a swap, say. */
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

/* The lost watch after @last. Return: it, with a reference, or NULL. */
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

/* The last reference may be that of the module whose code put() is. */
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
 * qdm_watch_add - begin to be told; of nothing before a line of it is live
 * @watch: the watch
 * @ops: what to call
 * @upper: the device it is to stand on
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
 * qdm_watch_del - be told no more
 * @watch: the watch, which no edge points to any longer
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
 * qdm_edge_add - a line is being constructed
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

/* It has no heir, or one that this task did not put directly after it. */
static void judge_gone(const struct qdm_edge *edge)
{
	struct qdm_watch *watch;

	lockdep_assert_held(&edges_lock);
	list_for_each_entry(watch, &watches, node)
		if (edge_concerns(edge, watch) &&
		    !find_heir(edge, watch, current))
			lose_watch(watch);
}

/* The table that took its place counts from now on, though it may not be live. */
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
 * qdm_edge_swap - a line's table is being put in place; its io_hints
 * @edge: its edge
 *
 * Called for a device's first table when that is loaded, too.
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
 * qdm_edge_postsuspend - a line is held: nothing is on its way through it
 * @edge: its edge
 *
 * On return what reads the data below for a backup that it concerns reads for
 * nothing.
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
