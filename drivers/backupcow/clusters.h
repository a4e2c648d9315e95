/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * State of every cluster of a device under backup. A cluster is in one of three
 * states, with only these transitions:
 *
 *                claim                    finish
 *     to copy ----------> being copied ----------> done
 *        ^                     |
 *        +---------------------+
 *                revert
 *
 * transition                 performed by              called from, in copier.c
 * to copy -> being copied    bcow_clusters_claim()     claim_run()
 * being copied -> done       bcow_clusters_finish()    bcow_finish()
 * being copied -> to copy    bcow_clusters_revert()    settle_failed(),
 *                                                      give_cluster_back(),
 *                                                      use_spare_or_revert()
 *
 * The states are stored in two bitmaps, so that the check in every write, "is
 * this cluster done?", is one load and one test. The owner's lock guards every
 * change; only bcow_clusters_all_done() and bcow_clusters_range_done() may be
 * called without it.
 *
 * Invariants, while the lock is not held:
 *
 * C1. A cluster has its bit set in @busy, in @done or in neither: it is being
 *     copied, done, or to be copied.
 * C2. @nr_busy and @nr_done count the set bits. Bits beyond the last cluster
 *     are clear.
 * C3. A bit in @done stays set. So a write that has seen it needs no lock.
 * C4. A bit in @done is set only after the cluster's old data has been read.
 *
 * Barrier: the store-release in range_set() pairs with the load-acquire in
 * bcow_clusters_all_done() and in range_is(). A write that sees the bit is
 * submitted after the old data has been read (C4).
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
 * @nr: number of clusters
 * @nr_done: number of clusters that are done
 * @nr_busy: number of clusters being copied
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
 * bcow_clusters_all_done - test whether a range of sectors is done
 * @clusters: the states
 * @sector: first sector
 * @sectors: length, at least 1; may exceed the last cluster
 *
 * Needs no lock. false may be outdated immediately, true is final.
 */
static inline bool bcow_clusters_all_done(const struct bcow_clusters *clusters,
					  u64 sector, u64 sectors)
{
	u64 first = sector >> clusters->shift;
	u64 last = (sector + sectors - 1) >> clusters->shift;
	u64 word;

	if (first != last || first >= clusters->nr)
		return bcow_clusters_range_done(clusters, first, last);
	/* pairs with the store-release in range_set() */
	word = smp_load_acquire(&clusters->done[first / CLUSTERS_WORD_BITS]);
	return word >> (first % CLUSTERS_WORD_BITS) & 1;
}

#endif /* BACKUPCOW_CLUSTERS_H */
