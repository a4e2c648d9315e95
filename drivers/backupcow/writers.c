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

#include "writers.h"

static struct bio *bio_of(struct writer *writer)
{
	return dm_bio_from_per_bio_data(writer, sizeof(*writer));
}

/**
 * writers_init - begin with nobody waiting
 * @writers: the writers
 */
void writers_init(struct writers *writers)
{
	unsigned int i;

	INIT_LIST_HEAD(&writers->all);
	INIT_LIST_HEAD(&writers->todo);
	INIT_LIST_HEAD(&writers->starved);
	for (i = 0; i < WRITERS_HASH; i++)
		INIT_HLIST_HEAD(&writers->waiting[i]);
	writers->nr = 0;
}

/**
 * writers_park - let a write wait
 * @writers: the writers
 * @bio: the write
 * @first: its first cluster
 * @end: one past its last cluster
 *
 * A worker will submit it, which may sleep and is not polled for.
 */
void writers_park(struct writers *writers, struct bio *bio, u64 first, u64 end)
{
	struct writer *writer = dm_per_bio_data(bio, sizeof(*writer));

	bio->bi_opf &= ~(REQ_POLLED | REQ_NOWAIT);
	writer->next = first;
	writer->end = end;
	writer->since = jiffies;
	writer->careful = false;
	INIT_HLIST_NODE(&writer->wait);
	list_add_tail(&writer->age, &writers->all);
	list_add_tail(&writer->todo, &writers->todo);
	writers->nr++;
}

/**
 * writers_await - let a writer wait for a cluster
 * @writers: the writers
 * @writer: the one
 * @cluster: what it waits for
 */
void writers_await(struct writers *writers, struct writer *writer, u64 cluster)
{
	hlist_del_init(&writer->wait);
	writer->next = cluster;
	hlist_add_head(&writer->wait,
		       &writers->waiting[cluster % WRITERS_HASH]);
}

/* Somebody waits for @cluster: look at the writer again. */
static void wake(struct writers *writers, u64 cluster, bool careful)
{
	struct writer *writer;
	struct hlist_node *next;

	hlist_for_each_entry_safe(writer, next,
				  &writers->waiting[cluster % WRITERS_HASH],
				  wait) {
		if (writer->next != cluster)
			continue;
		hlist_del_init(&writer->wait);
		writer->careful |= careful;
		list_move_tail(&writer->todo, &writers->todo);
	}
}

/**
 * writers_wake - something happened to some clusters
 * @writers: the writers
 * @first: the first cluster
 * @nr: how many
 * @careful: they could not be copied together
 */
void writers_wake(struct writers *writers, u64 first, u64 nr, bool careful)
{
	u64 cluster;

	if (!writers->nr)
		return;
	for (cluster = first; cluster < first + nr; cluster++)
		wake(writers, cluster, careful);
}

/**
 * writers_starve - let a writer wait for memory
 * @writers: the writers
 * @writer: the one
 */
void writers_starve(struct writers *writers, struct writer *writer)
{
	list_move_tail(&writer->todo, &writers->starved);
}

/**
 * writers_take - a writer waits no longer
 * @writers: the writers
 * @writer: the one
 * @to: where its bio goes
 */
void writers_take(struct writers *writers, struct writer *writer,
		  struct bio_list *to)
{
	hlist_del_init(&writer->wait);
	list_del_init(&writer->todo);
	list_del(&writer->age);
	writers->nr--;
	bio_list_add(to, bio_of(writer));
}

/**
 * writers_take_waiting - nobody waits for a cluster any longer
 * @writers: the writers
 * @cluster: which cluster
 * @to: where the bios go
 */
void writers_take_waiting(struct writers *writers, u64 cluster,
			  struct bio_list *to)
{
	struct writer *writer;
	struct hlist_node *next;

	hlist_for_each_entry_safe(writer, next,
				  &writers->waiting[cluster % WRITERS_HASH],
				  wait)
		if (writer->next == cluster)
			writers_take(writers, writer, to);
}

/**
 * writers_take_all - nobody waits any longer
 * @writers: the writers
 * @to: where the bios go
 */
void writers_take_all(struct writers *writers, struct bio_list *to)
{
	struct writer *writer;

	while ((writer = writers_oldest(writers)))
		writers_take(writers, writer, to);
}

/**
 * writers_oldest - who has waited longest
 * @writers: the writers
 *
 * Return: the writer, or NULL.
 */
struct writer *writers_oldest(struct writers *writers)
{
	return list_first_entry_or_null(&writers->all, struct writer, age);
}
