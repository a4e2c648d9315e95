/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known about every cluster of a device under backup. A cluster is in
 * one of three states, and only these ways lead from one to another:
 *
 *                claim                    finish
 *     to copy ----------> being copied ----------> done
 *        ^                     |
 *        +---------------------+
 *                revert
 *
 * The states live in two bitmaps, so that the question every write asks, "is
 * this cluster done?", is one load and one test. The owner's lock guards
 * every change; bcow_clusters_all_done() alone may be asked without it, as a done
 * cluster stays done. Its bit is set with release and tested with acquire
 * order: who sees it writes over old data that has been read before.
 */
#ifndef BACKUPCOW_CLUSTERS_H
#define BACKUPCOW_CLUSTERS_H

#include "pure.h"

#define CLUSTERS_WORD_BITS 64

enum bcow_cluster_state {
	CLUSTER_TO_COPY,
	CLUSTER_BUSY,
	CLUSTER_DONE,
};

/**
 * struct bcow_clusters - the states of all clusters
 * @done: a bit for each cluster that is done
 * @busy: a bit for each cluster being copied
 * @nr: how many clusters there are
 * @nr_done: how many of them are done
 * @nr_busy: how many of them are being copied
 * @sectors: the length covered; the last cluster may be partial
 * @shift: a cluster is 1 << @shift sectors long
 */
struct bcow_clusters {
	u64 *done;
	u64 *busy;
	u64 nr;
	u64 nr_done;
	u64 nr_busy;
	u64 sectors;
	unsigned int shift;
};

u64 bcow_clusters_words(u64 sectors, unsigned int shift);
void bcow_clusters_init(struct bcow_clusters *clusters, u64 *words, u64 sectors,
			unsigned int shift);

enum bcow_cluster_state
bcow_clusters_state(const struct bcow_clusters *clusters, u64 cluster);
int bcow_clusters_claim(struct bcow_clusters *clusters, u64 first, u64 nr);
int bcow_clusters_finish(struct bcow_clusters *clusters, u64 first, u64 nr);
int bcow_clusters_revert(struct bcow_clusters *clusters, u64 first, u64 nr);

u64 bcow_clusters_next_undone(const struct bcow_clusters *clusters, u64 from,
			      u64 end);
u64 bcow_clusters_next_to_copy(const struct bcow_clusters *clusters, u64 from,
			       u64 end);
u64 bcow_clusters_run(const struct bcow_clusters *clusters, u64 from, u64 end);
u64 bcow_clusters_sectors(const struct bcow_clusters *clusters, u64 first,
			  u64 nr);

bool bcow_clusters_range_done(const struct bcow_clusters *clusters, u64 first,
			      u64 last);

/**
 * bcow_clusters_all_done - is everything in a range of sectors done?
 * @clusters: the states
 * @sector: where the range begins
 * @sectors: its length, at least 1; it may reach beyond the last cluster
 *
 * Needs no lock. A false answer may be outdated at once, a true one stays.
 */
static inline bool bcow_clusters_all_done(const struct bcow_clusters *clusters,
					  u64 sector, u64 sectors)
{
	u64 first = sector >> clusters->shift;
	u64 last = (sector + sectors - 1) >> clusters->shift;
	u64 word;

	if (first != last || first >= clusters->nr)
		return bcow_clusters_range_done(clusters, first, last);
	/* pairs with the release in range_set() */
	word = smp_load_acquire(&clusters->done[first / CLUSTERS_WORD_BITS]);
	return word >> (first % CLUSTERS_WORD_BITS) & 1;
}

#endif /* BACKUPCOW_CLUSTERS_H */
