/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the cluster state machine must do: every legal and illegal transition,
 * on every alignment to the words it is kept in, and a walk at random beside a
 * model too simple to be wrong.
 */
#ifndef VECTORS_CLUSTERS_H
#define VECTORS_CLUSTERS_H

#include "backupcow/clusters.h"
#include "pure-case.h"

#define CLUSTERS_MAX	400

static u64 clusters_memory[2 * (CLUSTERS_MAX / 64 + 1)];

/* @nr clusters of 8 sectors; the last one has only 3. */
static void clusters_begin(struct bcow_clusters *clusters, u64 nr)
{
	size_t i;

	for (i = 0; i < sizeof(clusters_memory) / sizeof(u64); i++)
		clusters_memory[i] = 0;
	bcow_clusters_init(clusters, clusters_memory, (nr - 1) * 8 + 3, 3);
}

static int clusters_begin_to_copy(void)
{
	struct bcow_clusters c;
	u64 i;

	clusters_begin(&c, 130);
	EXPECT(c.nr == 130 && c.nr_done == 0 && c.nr_busy == 0);
	for (i = 0; i < 130; i++)
		EXPECT(bcow_clusters_state(&c, i) == CLUSTER_TO_COPY);
	EXPECT(bcow_clusters_words(130 * 8 - 5, 3) == 6);
	EXPECT(bcow_clusters_words(128 * 8, 3) == 4);
	EXPECT(bcow_clusters_words(1, 17) == 2);
	return 0;
}

struct cluster_step {
	enum bcow_cluster_state from;
	int (*step)(struct bcow_clusters *clusters, u64 first, u64 nr);
	int result;
	enum bcow_cluster_state to;
};

static const struct cluster_step cluster_steps[] = {
	{ CLUSTER_TO_COPY, bcow_clusters_claim, 0, CLUSTER_BUSY },
	{ CLUSTER_TO_COPY, bcow_clusters_finish, -EINVAL, CLUSTER_TO_COPY },
	{ CLUSTER_TO_COPY, bcow_clusters_revert, -EINVAL, CLUSTER_TO_COPY },
	{ CLUSTER_BUSY, bcow_clusters_claim, -EINVAL, CLUSTER_BUSY },
	{ CLUSTER_BUSY, bcow_clusters_finish, 0, CLUSTER_DONE },
	{ CLUSTER_BUSY, bcow_clusters_revert, 0, CLUSTER_TO_COPY },
	{ CLUSTER_DONE, bcow_clusters_claim, -EINVAL, CLUSTER_DONE },
	{ CLUSTER_DONE, bcow_clusters_finish, -EINVAL, CLUSTER_DONE },
	{ CLUSTER_DONE, bcow_clusters_revert, -EINVAL, CLUSTER_DONE },
};

static void clusters_put(struct bcow_clusters *c, u64 first, u64 nr,
			 enum bcow_cluster_state state)
{
	if (state != CLUSTER_TO_COPY)
		bcow_clusters_claim(c, first, nr);
	if (state == CLUSTER_DONE)
		bcow_clusters_finish(c, first, nr);
}

static int clusters_check_step(const struct cluster_step *step, u64 first,
			       u64 nr)
{
	struct bcow_clusters c;
	u64 i;

	clusters_begin(&c, 200);
	clusters_put(&c, first, nr, step->from);
	EXPECT(step->step(&c, first, nr) == step->result);
	for (i = 0; i < c.nr; i++)
		EXPECT(bcow_clusters_state(&c, i) ==
		       (i >= first && i < first + nr ? step->to :
						       CLUSTER_TO_COPY));
	EXPECT(c.nr_done == (step->to == CLUSTER_DONE ? nr : 0));
	EXPECT(c.nr_busy == (step->to == CLUSTER_BUSY ? nr : 0));
	return 0;
}

static int clusters_every_step(void)
{
	static const u64 ranges[][2] = {
		{ 0, 1 }, { 63, 1 }, { 64, 1 }, { 199, 1 }, { 0, 64 },
		{ 1, 63 }, { 63, 2 }, { 10, 150 }, { 64, 64 }, { 0, 200 },
	};
	size_t i, j;
	int line;

	for (i = 0; i < sizeof(cluster_steps) / sizeof(cluster_steps[0]); i++)
		for (j = 0; j < sizeof(ranges) / sizeof(ranges[0]); j++) {
			line = clusters_check_step(&cluster_steps[i],
						   ranges[j][0], ranges[j][1]);
			if (line)
				return line;
		}
	return 0;
}

static int clusters_all_or_nothing(void)
{
	struct bcow_clusters c;

	clusters_begin(&c, 200);
	EXPECT(!bcow_clusters_claim(&c, 100, 1));
	EXPECT(bcow_clusters_claim(&c, 60, 41) == -EINVAL);
	EXPECT(bcow_clusters_state(&c, 99) == CLUSTER_TO_COPY);
	EXPECT(!bcow_clusters_claim(&c, 60, 40));
	EXPECT(bcow_clusters_finish(&c, 60, 42) == -EINVAL);
	EXPECT(bcow_clusters_state(&c, 60) == CLUSTER_BUSY);
	EXPECT(bcow_clusters_revert(&c, 59, 2) == -EINVAL);
	EXPECT(!bcow_clusters_finish(&c, 60, 41));
	EXPECT(bcow_clusters_claim(&c, 101, 0) == -EINVAL);
	EXPECT(c.nr_done == 41 && c.nr_busy == 0);
	return 0;
}

static int clusters_outside(void)
{
	struct bcow_clusters c;

	clusters_begin(&c, 100);
	EXPECT(bcow_clusters_claim(&c, 100, 1) == -EINVAL);
	EXPECT(bcow_clusters_claim(&c, 99, 2) == -EINVAL);
	EXPECT(bcow_clusters_claim(&c, U64_MAX, 2) == -EINVAL);
	EXPECT(bcow_clusters_claim(&c, 1, U64_MAX) == -EINVAL);
	EXPECT(!bcow_clusters_claim(&c, 99, 1));
	EXPECT(bcow_clusters_finish(&c, 99, 2) == -EINVAL);
	EXPECT(bcow_clusters_revert(&c, 98, U64_MAX) == -EINVAL);
	return 0;
}

static int clusters_search(void)
{
	struct bcow_clusters c;

	clusters_begin(&c, 300);
	EXPECT(bcow_clusters_next_undone(&c, 7, 300) == 7);
	clusters_put(&c, 0, 130, CLUSTER_DONE);
	clusters_put(&c, 130, 20, CLUSTER_BUSY);
	EXPECT(bcow_clusters_next_undone(&c, 0, 300) == 130);
	EXPECT(bcow_clusters_next_undone(&c, 0, 130) == 130);
	EXPECT(bcow_clusters_next_undone(&c, 0, 129) == 129);
	EXPECT(bcow_clusters_next_to_copy(&c, 0, 300) == 150);
	EXPECT(bcow_clusters_next_to_copy(&c, 130, 150) == 150);
	EXPECT(bcow_clusters_run(&c, 150, 300) == 150);
	EXPECT(bcow_clusters_run(&c, 150, 170) == 20);
	EXPECT(bcow_clusters_run(&c, 150, 1000) == 150);
	EXPECT(bcow_clusters_run(&c, 140, 300) == 0);
	EXPECT(bcow_clusters_run(&c, 300, 400) == 0);
	clusters_put(&c, 192, 1, CLUSTER_BUSY);
	EXPECT(bcow_clusters_run(&c, 150, 300) == 42);
	clusters_put(&c, 193, 107, CLUSTER_DONE);
	EXPECT(bcow_clusters_next_to_copy(&c, 193, 300) == 300);
	EXPECT(bcow_clusters_next_undone(&c, 193, 500) == 500);
	return 0;
}

static int clusters_lengths(void)
{
	struct bcow_clusters c;

	clusters_begin(&c, 100);
	EXPECT(bcow_clusters_sectors(&c, 0, 1) == 8);
	EXPECT(bcow_clusters_sectors(&c, 98, 1) == 8);
	EXPECT(bcow_clusters_sectors(&c, 99, 1) == 3);
	EXPECT(bcow_clusters_sectors(&c, 97, 3) == 19);
	EXPECT(bcow_clusters_sectors(&c, 0, 100) == 99 * 8 + 3);
	return 0;
}

static int clusters_may_pass(void)
{
	struct bcow_clusters c;

	clusters_begin(&c, 200);
	clusters_put(&c, 70, 1, CLUSTER_BUSY);
	EXPECT(!bcow_clusters_all_done(&c, 560, 8));
	bcow_clusters_finish(&c, 70, 1);
	EXPECT(bcow_clusters_all_done(&c, 560, 8));
	EXPECT(bcow_clusters_all_done(&c, 567, 1));
	EXPECT(!bcow_clusters_all_done(&c, 559, 2));
	EXPECT(!bcow_clusters_all_done(&c, 567, 2));
	clusters_put(&c, 71, 129, CLUSTER_DONE);
	EXPECT(bcow_clusters_all_done(&c, 560, 130 * 8));
	EXPECT(!bcow_clusters_all_done(&c, 552, 130 * 8));
	return 0;
}

/* A device that has grown: what lies behind the last cluster is no part. */
static int clusters_beyond_the_end(void)
{
	struct bcow_clusters c;

	clusters_begin(&c, 100);
	EXPECT(bcow_clusters_all_done(&c, 800, 8));
	EXPECT(bcow_clusters_all_done(&c, 1ULL << 40, 1ULL << 30));
	EXPECT(!bcow_clusters_all_done(&c, 795, 800));
	clusters_put(&c, 99, 1, CLUSTER_DONE);
	EXPECT(bcow_clusters_all_done(&c, 795, 800));
	return 0;
}

static u64 clusters_random(u64 *state, u64 below)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state % below;
}

static bool clusters_model_is(const u8 *model, u64 first, u64 nr, u8 state)
{
	u64 i;

	for (i = first; i < first + nr; i++)
		if (model[i] != state)
			return false;
	return true;
}

static void clusters_model_set(u8 *model, u64 first, u64 nr, u8 state)
{
	u64 i;

	for (i = first; i < first + nr; i++)
		model[i] = state;
}

static const struct cluster_step clusters_walk_steps[] = {
	{ CLUSTER_TO_COPY, bcow_clusters_claim, 0, CLUSTER_BUSY },
	{ CLUSTER_BUSY, bcow_clusters_finish, 0, CLUSTER_DONE },
	{ CLUSTER_BUSY, bcow_clusters_revert, 0, CLUSTER_TO_COPY },
};

static int clusters_one_walk(u64 seed, u64 nr)
{
	static u8 model[CLUSTERS_MAX];
	const struct cluster_step *step;
	u64 i, first, len, next;
	struct bcow_clusters c;
	bool legal;

	clusters_begin(&c, nr);
	clusters_model_set(model, 0, nr, CLUSTER_TO_COPY);
	for (i = 0; i < 500; i++) {
		step = &clusters_walk_steps[clusters_random(&seed, 3)];
		first = clusters_random(&seed, nr);
		len = 1 + clusters_random(&seed, nr - first);
		if (clusters_random(&seed, 4))
			len = 1 + len % 3;
		if (len > nr - first)
			len = nr - first;
		legal = clusters_model_is(model, first, len, step->from);
		EXPECT(step->step(&c, first, len) == (legal ? 0 : -EINVAL));
		if (legal)
			clusters_model_set(model, first, len, step->to);
		for (next = first; next < nr && model[next] == CLUSTER_DONE;)
			next++;
		EXPECT(bcow_clusters_next_undone(&c, first, nr) == next);
		EXPECT(bcow_clusters_all_done(&c, first * 8, len * 8) ==
		       clusters_model_is(model, first, len, CLUSTER_DONE));
	}
	for (i = 0; i < nr; i++)
		EXPECT(bcow_clusters_state(&c, i) == model[i]);
	return 0;
}

static int clusters_walk(void)
{
	u64 seed;
	int line;

	for (seed = 1; seed < 100; seed++) {
		line = clusters_one_walk(seed * 7919, 1 + seed * 4);
		if (line)
			return line;
	}
	return 0;
}

static const struct pure_case clusters_cases[] = {
	{ "all clusters are to be copied at first", clusters_begin_to_copy },
	{ "every step from every state, on every alignment",
	  clusters_every_step },
	{ "a range changes as a whole or not at all", clusters_all_or_nothing },
	{ "a range outside the device changes nothing", clusters_outside },
	{ "searches find the first, and stop where told", clusters_search },
	{ "the last cluster may be partial", clusters_lengths },
	{ "a write passes when all its clusters are done", clusters_may_pass },
	{ "what lies beyond the last cluster needs no copy",
	  clusters_beyond_the_end },
	{ "a walk at random agrees with a simple model", clusters_walk },
};

#endif /* VECTORS_CLUSTERS_H */
