// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keeps the writes that wait, by age, by the cluster they wait for, and by
 * what is to be done with them next. Nothing is allocated: a writer is its
 * bio's per-bio data.
 *
 * Locking: the job's lock guards everything here.
 */
#include <linux/device-mapper.h>
#include <linux/jiffies.h>

#include "deferred.h"

/* So many of those that somebody waits for come before one of the others. */
#define URGENT_ROW	8

/**
 * bcow_deferred_bio - the write that waits
 * @writer: as what it waits
 */
struct bio *bcow_deferred_bio(struct bcow_write *writer)
{
	return dm_bio_from_per_bio_data(writer, sizeof(*writer));
}

/**
 * bcow_deferred_init - begin with nobody waiting
 * @writers: the writers
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
 * bcow_deferred_add - let a write wait
 * @writers: the writers
 * @bio: the write
 * @first: its first cluster
 * @end: one past its last cluster
 *
 * A worker will submit it, which may sleep and is not polled for.
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
 * bcow_deferred_await - let a writer wait for a cluster
 * @writers: the writers
 * @writer: the one
 * @cluster: what it waits for
 *
 * The time it has waited counts from the last one that it got.
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

/* Who waits for this cluster, or else for the next one that is waited for? */
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
 * bcow_deferred_wake - something happened to some clusters: look at who waits again
 * @writers: the writers
 * @first: the first cluster
 * @nr: how many
 * @careful: they could not be copied together
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
 * bcow_deferred_next - who is to be looked at next
 * @writers: the writers
 *
 * Writeback of megabytes comes at once; who waits for a single write does not
 * wait for all of that, nor the writeback for ever. Return: the writer, or NULL.
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
 * bcow_deferred_after - who comes after a writer in its queue
 * @writers: the writers
 * @writer: one that is to be looked at
 *
 * Return: the writer, or NULL.
 */
struct bcow_write *bcow_deferred_after(struct bcow_deferred *writers,
				       struct bcow_write *writer)
{
	if (list_is_last(&writer->todo, queue_of(writers, writer)))
		return NULL;
	return list_next_entry(writer, todo);
}

/**
 * bcow_deferred_to_do - is any writer to be looked at?
 * @writers: the writers
 */
bool bcow_deferred_to_do(const struct bcow_deferred *writers)
{
	return !list_empty(&writers->urgent) || !list_empty(&writers->todo);
}

/**
 * bcow_deferred_starve - let a writer wait for memory
 * @writers: the writers
 * @writer: the one
 */
void bcow_deferred_starve(struct bcow_deferred *writers,
			  struct bcow_write *writer)
{
	list_move_tail(&writer->todo, &writers->starved);
}

/**
 * bcow_deferred_take - a writer waits no longer
 * @writers: the writers
 * @writer: the one
 * @to: where its bio goes
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
 * bcow_deferred_wait_for - does any writer wait for a cluster?
 * @writers: the writers
 * @cluster: which cluster
 */
bool bcow_deferred_wait_for(struct bcow_deferred *writers, u64 cluster)
{
	struct bcow_write *writer = first_from(writers, cluster);

	return writer && writer->next == cluster;
}

/**
 * bcow_deferred_take_waiting - nobody waits for a cluster any longer
 * @writers: the writers
 * @cluster: which cluster
 * @to: where the bios go
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
 * bcow_deferred_take_all - nobody waits any longer
 * @writers: the writers
 * @to: an empty list, gets them all by @age; takes no time, however many
 */
void bcow_deferred_take_all(struct bcow_deferred *writers, struct list_head *to)
{
	list_splice_init(&writers->all, to);
	bcow_deferred_init(writers);
}

/**
 * bcow_deferred_oldest - who has waited longest
 * @writers: the writers
 *
 * Return: the writer, or NULL.
 */
struct bcow_write *bcow_deferred_oldest(struct bcow_deferred *writers)
{
	return list_first_entry_or_null(&writers->all, struct bcow_write, age);
}
