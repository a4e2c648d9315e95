/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which device lies on which, as far as qdm's targets make it so, and whether a
 * backup is still between its device and the data. Each line of each table is an
 * edge; a backup's job keeps a watch, which is told what becomes of the guard
 * lines above it.
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
 * struct qdm_guarding - what a watch is told
 * @needed: a guard was live above it once, or it asked for one
 * @closed: no guard is live: read nothing, and what is being read is worth nothing
 * @unproven: what is read now is only good if the next word is not @lost
 * @lost: something led past the watch; for good
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
 * struct qdm_watch_ops - what the registry does with a watch
 * @owner: whose code these are; kept while a call of them may not have returned
 * @tell: the state has changed; must not sleep
 * @settle: after it was told of @lost, with no lock held: draw the consequences
 * @get: the watch is to stay; false if it is going already
 * @put: and may go; not by qdm_watch_del() in this very call
 */
struct qdm_watch_ops {
	struct module *owner;
	void (*tell)(struct qdm_watch *watch, const struct qdm_guarding *state);
	void (*settle)(struct qdm_watch *watch);
	bool (*get)(struct qdm_watch *watch);
	void (*put)(struct qdm_watch *watch);
};

/**
 * struct qdm_watch - somebody who must know of all writes; embed it
 * @node: in the list of all watches
 * @ops: its owner's
 * @upper: the device that it stands on
 * @required: nothing is to be read before a guard is live
 * @state: what it was told last
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
 * @by_lower: likewise, by @lower
 * @upper: the device whose table it is
 * @lower: the device below
 * @begin: first sector of the line
 * @len: its length
 * @start: where @begin lies on @lower
 * @guard: the line is a guard
 * @watch: whose own line it is, if anybody's
 * @required: the line asks for a guard
 * @state: see edge.c
 * @counts: it was live, or has taken the place of one that was
 * @guarded: it is held, and was below a guard since
 * @overtaken: another table of its device was live since it was held
 * @held_at: when it was held, by the registry's clock
 * @swapped_at: when its table was put in place of another
 * @swapper: the task that did so, only to be compared
 * @climbed: the walk that came to it last
 * @found: what that walk found above
 * @tried: the walk downwards that came to it last
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
