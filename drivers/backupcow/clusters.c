// SPDX-License-Identifier: GPL-2.0-only
/*
 * Per-cluster state machine of a backup, without locks, memory allocation or
 * I/O, so that user space can test every illegal transition. A range of
 * clusters changes state as a whole or not at all.
 */
#include "clusters.h"

#define BITS CLUSTERS_WORD_BITS

static u64 bitmap_words(u64 nr)
{
	return (nr + BITS - 1) / BITS;
}

static u64 count_clusters(u64 sectors, unsigned int shift)
{
	return (sectors + (1ULL << shift) - 1) >> shift;
}

/**
 * bcow_clusters_words - memory needed for the states
 * @sectors: length of the device
 * @shift: a cluster is 1 << @shift sectors long
 *
 * Return: number of u64 words.
 */
u64 bcow_clusters_words(u64 sectors, unsigned int shift)
{
	return 2 * bitmap_words(count_clusters(sectors, shift));
}

/**
 * bcow_clusters_init - set all clusters to "to copy"
 * @clusters: the states
 * @words: bcow_clusters_words() zeroed words, owned by the caller
 * @sectors: length of the device
 * @shift: a cluster is 1 << @shift sectors long
 */
void bcow_clusters_init(struct bcow_clusters *clusters, u64 *words, u64 sectors,
			unsigned int shift)
{
	clusters->nr = count_clusters(sectors, shift);
	clusters->nr_done = 0;
	clusters->nr_busy = 0;
	clusters->sectors = sectors;
	clusters->shift = shift;
	clusters->done = words;
	clusters->busy = words + bitmap_words(clusters->nr);
}

/* The bits of [first, end) in the word of @first. */
static u64 word_mask(u64 first, u64 end)
{
	unsigned int bit = first % BITS;
	u64 nr = end - first;

	if (nr >= BITS - bit)
		return ~0ULL << bit;
	return ((1ULL << nr) - 1) << bit;
}

static u64 next_word(u64 cluster)
{
	return (cluster / BITS + 1) * BITS;
}

static bool range_is(const u64 *map, u64 first, u64 end, bool set)
{
	u64 bits, at;

	for (at = first; at < end; at = next_word(at)) {
		bits = word_mask(at, end);
		/* pairs with the store-release in range_set() */
		if ((smp_load_acquire(&map[at / BITS]) & bits) !=
		    (set ? bits : 0))
			return false;
	}
	return true;
}

static void range_set(u64 *map, u64 first, u64 end, bool set)
{
	u64 at, *word, value;

	for (at = first; at < end; at = next_word(at)) {
		word = &map[at / BITS];
		value = set ? *word | word_mask(at, end) :
			      *word & ~word_mask(at, end);
		/*
		 * pairs with the load-acquire in bcow_clusters_all_done() and
		 * range_is()
		 */
		smp_store_release(word, value);
	}
}

static bool is_within(const struct bcow_clusters *clusters, u64 first, u64 nr)
{
	return nr && first < clusters->nr && nr <= clusters->nr - first;
}

/**
 * bcow_clusters_state - state of one cluster
 * @clusters: the states
 * @cluster: cluster number
 */
enum bcow_cluster_state
bcow_clusters_state(const struct bcow_clusters *clusters, u64 cluster)
{
	if (range_is(clusters->done, cluster, cluster + 1, true))
		return CLUSTER_DONE;
	if (range_is(clusters->busy, cluster, cluster + 1, true))
		return CLUSTER_BUSY;
	return CLUSTER_TO_COPY;
}

/**
 * bcow_clusters_claim - claim clusters for copying
 * @clusters: the states
 * @first: first cluster
 * @nr: number
 *
 * Return: 0, or -EINVAL if any is claimed or done.
 */
int bcow_clusters_claim(struct bcow_clusters *clusters, u64 first, u64 nr)
{
	if (!is_within(clusters, first, nr) ||
	    !range_is(clusters->done, first, first + nr, false) ||
	    !range_is(clusters->busy, first, first + nr, false))
		return -EINVAL;
	range_set(clusters->busy, first, first + nr, true);
	clusters->nr_busy += nr;
	return 0;
}

/**
 * bcow_clusters_finish - mark claimed clusters done
 * @clusters: the states
 * @first: first cluster
 * @nr: number
 *
 * Return: 0, or -EINVAL unless all of them are being copied.
 */
int bcow_clusters_finish(struct bcow_clusters *clusters, u64 first, u64 nr)
{
	if (!is_within(clusters, first, nr) ||
	    !range_is(clusters->busy, first, first + nr, true))
		return -EINVAL;
	range_set(clusters->busy, first, first + nr, false);
	range_set(clusters->done, first, first + nr, true);
	clusters->nr_busy -= nr;
	clusters->nr_done += nr;
	return 0;
}

/**
 * bcow_clusters_revert - release claimed clusters uncopied
 * @clusters: the states
 * @first: first cluster
 * @nr: number
 *
 * Return: 0, or -EINVAL unless all of them are being copied.
 */
int bcow_clusters_revert(struct bcow_clusters *clusters, u64 first, u64 nr)
{
	if (!is_within(clusters, first, nr) ||
	    !range_is(clusters->busy, first, first + nr, true))
		return -EINVAL;
	range_set(clusters->busy, first, first + nr, false);
	clusters->nr_busy -= nr;
	return 0;
}

/* First cluster in [from, end) with its bit clear in both maps, or @end. */
static u64 next_clear(const u64 *map, const u64 *map2, u64 from, u64 end)
{
	u64 at, clear;

	for (at = from; at < end; at = next_word(at)) {
		clear = ~(map[at / BITS] | map2[at / BITS]) &
			word_mask(at, end);
		if (clear)
			return at / BITS * BITS + __builtin_ctzll(clear);
	}
	return end;
}

static u64 clip_end(const struct bcow_clusters *clusters, u64 end)
{
	return end < clusters->nr ? end : clusters->nr;
}

/**
 * bcow_clusters_next_undone - find a cluster that is not done
 * @clusters: the states
 * @from: first cluster to test
 * @end: one past the last
 *
 * Return: the cluster found, or @end.
 */
u64 bcow_clusters_next_undone(const struct bcow_clusters *clusters, u64 from,
			      u64 end)
{
	u64 stop = clip_end(clusters, end);
	u64 found = next_clear(clusters->done, clusters->done, from, stop);

	return found < stop ? found : end;
}

/**
 * bcow_clusters_next_to_copy - find a cluster to copy
 * @clusters: the states
 * @from: first cluster to test
 * @end: one past the last
 *
 * Return: the cluster found, or @end.
 */
u64 bcow_clusters_next_to_copy(const struct bcow_clusters *clusters, u64 from,
			       u64 end)
{
	u64 stop = clip_end(clusters, end);
	u64 found = next_clear(clusters->done, clusters->busy, from, stop);

	return found < stop ? found : end;
}

/**
 * bcow_clusters_run - count consecutive clusters to copy
 * @clusters: the states
 * @from: first cluster
 * @end: one past the last
 */
u64 bcow_clusters_run(const struct bcow_clusters *clusters, u64 from, u64 end)
{
	u64 at, set, stop = clip_end(clusters, end);

	for (at = from; at < stop; at = next_word(at)) {
		set = (clusters->done[at / BITS] | clusters->busy[at / BITS]) &
		      word_mask(at, stop);
		if (set)
			return at / BITS * BITS + __builtin_ctzll(set) - from;
	}
	return from < stop ? stop - from : 0;
}

/**
 * bcow_clusters_sectors - length of a run; the last cluster may be partial
 * @clusters: the states
 * @first: first cluster
 * @nr: number of clusters
 */
u64 bcow_clusters_sectors(const struct bcow_clusters *clusters, u64 first,
			  u64 nr)
{
	u64 begin = first << clusters->shift;
	u64 end = (first + nr) << clusters->shift;

	return (end < clusters->sectors ? end : clusters->sectors) - begin;
}

/**
 * bcow_clusters_range_done - test whether clusters are done
 * @clusters: the states
 * @first: first cluster
 * @last: last cluster; those beyond the device count as done
 *
 * Needs no lock, as bcow_clusters_all_done().
 */
bool bcow_clusters_range_done(const struct bcow_clusters *clusters, u64 first,
			      u64 last)
{
	return range_is(clusters->done, first, clip_end(clusters, last + 1),
			true);
}
