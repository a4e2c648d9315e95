/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Deferred writes: held until the old data of their clusters is safe. A write
 * waits for one cluster at a time, its first that is not done, and is then
 * re-examined. So a discard of a terabyte costs no more memory than a write of
 * one sector.
 */
#ifndef BACKUPCOW_DEFERRED_H
#define BACKUPCOW_DEFERRED_H

#include <linux/bio.h>
#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * struct bcow_write - a deferred write, in its bio's per-bio data
 * @age: in writers.all
 * @todo: in writers.urgent, writers.todo or writers.starved, or empty
 * @wait: in writers.waiting, or cleared
 * @next: first cluster that may not be done yet
 * @end: one past its last cluster
 * @since: start of the wait, in jiffies
 * @careful: a copy of several clusters failed; copy one at a time
 * @urgent: synchronous or metadata: a task waits for it, or may
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
 * struct bcow_deferred - all deferred writes
 * @all: oldest first
 * @urgent: to be examined first
 * @todo: to be examined
 * @row: number of consecutive writes taken from @urgent while @todo had some
 * @starved: need a copy, but no memory is left
 * @waiting: sorted by the cluster waited for
 * @nr: number of writes
 * @nr_urgent: number of urgent writes
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
