/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stacking of devices as far as qdm's targets create it, and whether a
 * backup is still between its device and the data. Each line of each table is
 * an edge; a backup's job has a watch, which is notified of the state of the
 * guard lines above it.
 */
#ifndef QDM_EDGE_H
#define QDM_EDGE_H

#ifdef __KERNEL__
#include <linux/device-mapper.h>
#include <linux/list.h>
#include <linux/types.h>

#include "lower.h"
#endif

struct qdm_watch;

/**
 * struct qdm_guarding - state reported to a watch
 * @needed: a guard was live above it once, or it requires one
 * @closed: no guard is live: do not read, and drop data being read
 * @unproven: data read now is only good if the next state is not @lost
 * @lost: writes may have bypassed the watch; for good
 * @tainted: it was @unproven when it was lost
 */
struct qdm_guarding {
	bool needed;
	bool closed;
	bool unproven;
	bool lost;
	bool tainted;
};

/**
 * struct qdm_watch_ops - callbacks of a watch
 * @owner: module of the callbacks; pinned while a call may not have returned
 * @tell: the state has changed; must not sleep
 * @settle: called after @lost was reported, with no lock held
 * @get: take a reference; false if the watch is being freed
 * @put: drop it; must not call qdm_watch_del() itself
 */
struct qdm_watch_ops {
	struct module *owner;
	void (*tell)(struct qdm_watch *watch, const struct qdm_guarding *state);
	void (*settle)(struct qdm_watch *watch);
	bool (*get)(struct qdm_watch *watch);
	void (*put)(struct qdm_watch *watch);
};

/**
 * struct qdm_watch - a user that must see all writes; embed it
 * @node: in the list of all watches
 * @ops: callbacks
 * @upper: the device that it watches
 * @required: no reads before a guard is live
 * @state: last reported state
 */
struct qdm_watch {
	struct list_head node;
	const struct qdm_watch_ops *ops;
	const struct gendisk *upper;
	bool required;
	struct qdm_guarding state;
};

enum qdm_edge_state {
	QDM_EDGE_BUILT,
	QDM_EDGE_LIVE,
	QDM_EDGE_HELD,
};

/**
 * struct qdm_edge - one line of a table; embed it
 * @by_upper: in the registry, by @upper
 * @by_lower: in the registry, by @lower
 * @upper: the device of the table
 * @lower: the device below
 * @begin: first sector of the line
 * @len: its length
 * @start: sector of @begin on @lower
 * @guard: the line is a guard
 * @watch: the watch whose own line it is, or NULL
 * @required: the line requires a guard
 * @state: see edge.c
 * @counts: it was live, or has replaced one that was
 * @guarded: held, and below a guard at some time since
 * @overtaken: another table of its device was live since it was held
 * @held_at: time it was held, by the registry's clock
 * @swapped_at: time its table was put in place of another
 * @swapper: task that did so, only compared
 * @climbed: last upward walk that reached it
 * @found: result of that walk above it
 * @tried: last downward walk that reached it
 */
struct qdm_edge {
	struct hlist_node by_upper;
	struct hlist_node by_lower;
	const struct gendisk *upper;
	const struct gendisk *lower;
	sector_t begin;
	sector_t len;
	sector_t start;
	bool guard;
	struct qdm_watch *watch;
	bool required;
	enum qdm_edge_state state;
	bool counts;
	bool guarded;
	bool overtaken;
	u64 held_at;
	u64 swapped_at;
	const struct task_struct *swapper;
	u64 climbed;
	unsigned int found;
	u64 tried;
};

void qdm_edge_add(struct qdm_edge *edge, struct dm_target *ti,
		  const struct qdm_lower *lower);
void qdm_edge_del(struct qdm_edge *edge);
void qdm_edge_swap(struct qdm_edge *edge);
void qdm_edge_resume(struct qdm_edge *edge);
void qdm_edge_postsuspend(struct qdm_edge *edge);

void qdm_watch_add(struct qdm_watch *watch, const struct qdm_watch_ops *ops,
		   const struct gendisk *upper);
void qdm_watch_del(struct qdm_watch *watch);

#endif /* QDM_EDGE_H */
