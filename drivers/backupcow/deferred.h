/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes that wait until the old data below them is safe. A writer waits for
 * one cluster at a time, the first of its own that is not done; when that one
 * is, it looks again. So a discard of a terabyte costs as little memory as a
 * write of one sector.
 */
#ifndef BACKUPCOW_DEFERRED_H
#define BACKUPCOW_DEFERRED_H

#include <linux/bio.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * struct bcow_write - a write that waits; lives in its bio's per-bio data
 * @age: in writers.all
 * @todo: in writers.urgent, writers.todo or writers.starved, or empty
 * @wait: in writers.waiting, or cleared
 * @next: the first cluster that may not be done yet
 * @end: one past its last cluster
 * @since: when it began to wait, in jiffies
 * @careful: a copy of several clusters failed; to be tried one by one
 * @urgent: somebody waits for this write, or may: it is synchronous or metadata
 */
struct bcow_write {
	struct list_head age;
	struct list_head todo;
	struct rb_node wait;
	u64 next;
	u64 end;
	unsigned long since;
	bool careful;
	bool urgent;
};

/**
 * struct bcow_deferred - all writes that wait
 * @all: oldest first
 * @urgent: to be looked at first
 * @todo: to be looked at
 * @row: how many of @urgent were, one after another, while @todo had some
 * @starved: want a copy that no memory is left for
 * @waiting: in order of the cluster waited for
 * @nr: how many there are
 * @nr_urgent: how many of those are urgent
 */
struct bcow_deferred {
	struct list_head all;
	struct list_head urgent;
	struct list_head todo;
	unsigned int row;
	struct list_head starved;
	struct rb_root waiting;
	unsigned int nr;
	unsigned int nr_urgent;
};

static inline bool bcow_deferred_urgent(const struct bio *bio)
{
	return op_is_sync(bio->bi_opf) || bio->bi_opf & (REQ_META | REQ_PRIO);
}

void bcow_deferred_init(struct bcow_deferred *writers);
void bcow_deferred_add(struct bcow_deferred *writers, struct bio *bio,
		       u64 first, u64 end);
void bcow_deferred_await(struct bcow_deferred *writers,
			 struct bcow_write *writer, u64 cluster);
void bcow_deferred_wake(struct bcow_deferred *writers, u64 first, u64 nr,
			bool careful);
struct bcow_write *bcow_deferred_next(struct bcow_deferred *writers);
struct bcow_write *bcow_deferred_after(struct bcow_deferred *writers,
				       struct bcow_write *writer);
bool bcow_deferred_to_do(const struct bcow_deferred *writers);
void bcow_deferred_starve(struct bcow_deferred *writers,
			  struct bcow_write *writer);
void bcow_deferred_take(struct bcow_deferred *writers,
			struct bcow_write *writer, struct bio_list *to);
bool bcow_deferred_wait_for(struct bcow_deferred *writers, u64 cluster);
void bcow_deferred_take_waiting(struct bcow_deferred *writers, u64 cluster,
				struct bio_list *to);
void bcow_deferred_take_all(struct bcow_deferred *writers,
			    struct list_head *to);
struct bio *bcow_deferred_bio(struct bcow_write *writer);
struct bcow_write *bcow_deferred_oldest(struct bcow_deferred *writers);

#endif /* BACKUPCOW_DEFERRED_H */
