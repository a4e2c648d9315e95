// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps deferred writes by age, by the cluster they wait for and by the next
 * step for them. Nothing is allocated: the entry is the bio's per-bio data.
 *
 * Locking: the job's lock guards everything here.
 */
#include <linux/device-mapper.h>
#include <linux/jiffies.h>

#include "deferred.h"

/* Urgent writes examined for each other write. */
#define URGENT_ROW	8

/**
 * bcow_deferred_bio - bio of a deferred write
 * @writer: its per-bio data
 */
struct bio *bcow_deferred_bio(struct bcow_write *writer)
{
	return dm_bio_from_per_bio_data(writer, sizeof(*writer));
}

/**
 * bcow_deferred_init - initialize with no writes
 * @writers: the queues
 */
void bcow_deferred_init(struct bcow_deferred *writers)
{
	INIT_LIST_HEAD(&writers->all);
	INIT_LIST_HEAD(&writers->urgent);
	INIT_LIST_HEAD(&writers->todo);
	INIT_LIST_HEAD(&writers->starved);
	writers->waiting = RB_ROOT;
	writers->nr = 0;
	writers->nr_urgent = 0;
}

static struct list_head *queue_of(struct bcow_deferred *writers,
				  const struct bcow_write *writer)
{
	return writer->urgent ? &writers->urgent : &writers->todo;
}

/**
 * bcow_deferred_add - defer a write
 * @writers: the queues
 * @bio: the write
 * @first: first cluster
 * @end: one past the last cluster
 *
 * A worker submits it, which may sleep and is not polled for.
 */
void bcow_deferred_add(struct bcow_deferred *writers, struct bio *bio,
		       u64 first, u64 end)
{
	struct bcow_write *writer = dm_per_bio_data(bio, sizeof(*writer));

	bio->bi_opf &= ~(REQ_POLLED | REQ_NOWAIT);
	writer->next = first;
	writer->end = end;
	writer->since = jiffies;
	writer->careful = false;
	writer->urgent = bcow_deferred_urgent(bio);
	RB_CLEAR_NODE(&writer->wait);
	list_add_tail(&writer->age, &writers->all);
	list_add_tail(&writer->todo, queue_of(writers, writer));
	writers->nr++;
	writers->nr_urgent += writer->urgent;
}

static void stop_waiting(struct bcow_deferred *writers,
			 struct bcow_write *writer)
{
	if (RB_EMPTY_NODE(&writer->wait))
		return;
	rb_erase(&writer->wait, &writers->waiting);
	RB_CLEAR_NODE(&writer->wait);
}

static struct bcow_write *write_of_node(struct rb_node *node)
{
	return rb_entry_safe(node, struct bcow_write, wait);
}

/**
 * bcow_deferred_await - let a write wait for a cluster
 * @writers: the queues
 * @writer: the write
 * @cluster: the cluster
 *
 * The wait counts from the last cluster that completed.
 */
void bcow_deferred_await(struct bcow_deferred *writers,
			 struct bcow_write *writer, u64 cluster)
{
	struct rb_node **link = &writers->waiting.rb_node, *parent = NULL;

	stop_waiting(writers, writer);
	if (cluster > writer->next) {
		writer->since = jiffies;
		list_move_tail(&writer->age, &writers->all);
	}
	writer->next = cluster;
	while (*link) {
		parent = *link;
		link = cluster < write_of_node(parent)->next ?
		       &parent->rb_left : &parent->rb_right;
	}
	rb_link_node(&writer->wait, parent, link);
	rb_insert_color(&writer->wait, &writers->waiting);
}

/* First write that waits for @cluster or, if none, for a later cluster. */
static struct bcow_write *first_from(struct bcow_deferred *writers, u64 cluster)
{
	struct rb_node *node = writers->waiting.rb_node, *found = NULL;

	while (node) {
		if (write_of_node(node)->next < cluster) {
			node = node->rb_right;
		} else {
			found = node;
			node = node->rb_left;
		}
	}
	return write_of_node(found);
}

/**
 * bcow_deferred_wake - re-examine writes after their clusters changed state
 * @writers: the queues
 * @first: first cluster
 * @nr: number of clusters
 * @careful: copying them together failed
 */
void bcow_deferred_wake(struct bcow_deferred *writers, u64 first, u64 nr,
			bool careful)
{
	struct bcow_write *writer, *next;

	for (writer = first_from(writers, first);
	     writer && writer->next < first + nr; writer = next) {
		next = write_of_node(rb_next(&writer->wait));
		stop_waiting(writers, writer);
		writer->careful |= careful;
		list_move_tail(&writer->todo, queue_of(writers, writer));
	}
}

static struct bcow_write *first_of(struct list_head *queue)
{
	return list_first_entry_or_null(queue, struct bcow_write, todo);
}

/**
 * bcow_deferred_next - next write to examine
 * @writers: the queues
 *
 * Writeback submits megabytes together; an urgent write does not wait for all
 * of it, nor does writeback starve. Return: the write, or NULL.
 */
struct bcow_write *bcow_deferred_next(struct bcow_deferred *writers)
{
	struct bcow_write *plain = first_of(&writers->todo);
	struct bcow_write *urgent = first_of(&writers->urgent);

	if (urgent && (!plain || writers->row++ < URGENT_ROW))
		return urgent;
	writers->row = 0;
	return plain;
}

/**
 * bcow_deferred_after - next write in the same queue
 * @writers: the queues
 * @writer: a write to be examined
 *
 * Return: the write, or NULL.
 */
struct bcow_write *bcow_deferred_after(struct bcow_deferred *writers,
				       struct bcow_write *writer)
{
	if (list_is_last(&writer->todo, queue_of(writers, writer)))
		return NULL;
	return list_next_entry(writer, todo);
}

/**
 * bcow_deferred_to_do - are there writes to examine?
 * @writers: the queues
 */
bool bcow_deferred_to_do(const struct bcow_deferred *writers)
{
	return !list_empty(&writers->urgent) || !list_empty(&writers->todo);
}

/**
 * bcow_deferred_starve - let a write wait for memory
 * @writers: the queues
 * @writer: the write
 */
void bcow_deferred_starve(struct bcow_deferred *writers,
			  struct bcow_write *writer)
{
	list_move_tail(&writer->todo, &writers->starved);
}

/**
 * bcow_deferred_take - remove a write
 * @writers: the queues
 * @writer: the write
 * @to: list for its bio
 */
void bcow_deferred_take(struct bcow_deferred *writers,
			struct bcow_write *writer, struct bio_list *to)
{
	stop_waiting(writers, writer);
	list_del_init(&writer->todo);
	list_del(&writer->age);
	writers->nr--;
	writers->nr_urgent -= writer->urgent;
	bio_list_add(to, bcow_deferred_bio(writer));
}

/**
 * bcow_deferred_wait_for - does a write wait for a cluster?
 * @writers: the queues
 * @cluster: the cluster
 */
bool bcow_deferred_wait_for(struct bcow_deferred *writers, u64 cluster)
{
	struct bcow_write *writer = first_from(writers, cluster);

	return writer && writer->next == cluster;
}

/**
 * bcow_deferred_take_waiting - remove all waiters of a cluster
 * @writers: the queues
 * @cluster: cluster
 * @to: list for their bios
 */
void bcow_deferred_take_waiting(struct bcow_deferred *writers, u64 cluster,
				struct bio_list *to)
{
	struct bcow_write *writer;

	while ((writer = first_from(writers, cluster)) &&
	       writer->next == cluster)
		bcow_deferred_take(writers, writer, to);
}

/**
 * bcow_deferred_take_all - remove all writes
 * @writers: the queues
 * @to: empty list, gets them all by @age; in constant time
 */
void bcow_deferred_take_all(struct bcow_deferred *writers, struct list_head *to)
{
	list_splice_init(&writers->all, to);
	bcow_deferred_init(writers);
}

/**
 * bcow_deferred_oldest - oldest write
 * @writers: the queues
 *
 * Return: the write, or NULL.
 */
struct bcow_write *bcow_deferred_oldest(struct bcow_deferred *writers)
{
	return list_first_entry_or_null(&writers->all, struct bcow_write, age);
}
