/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A copy takes the old data of some clusters in a row from the origin into
 * memory and from there to the target. What is in flight over all jobs of the
 * machine is bounded; the memory is charged before it is allocated.
 */
#ifndef BACKUPCOW_COPY_H
#define BACKUPCOW_COPY_H

#include <linux/bio.h>
#include <linux/list.h>
#include <linux/types.h>

#define COPY_CHUNKS		16
#define COPY_CHUNK_ORDER	4
#define COPY_CHUNK_BYTES	(PAGE_SIZE << COPY_CHUNK_ORDER)
#define COPY_MAX_BYTES		(COPY_CHUNKS * COPY_CHUNK_BYTES)
#define COPY_MIN_BYTES		(COPY_CHUNKS * PAGE_SIZE)

struct bcow_job;

enum bcow_copy_step { STEP_LOOK, STEP_WRITE, STEP_ZERO, STEP_READ_BACK };

/**
 * struct bcow_copy - some clusters on their way
 * @node: in one of the job's queues or its stock, or in no list
 * @resident: in job.resident while the whole of it is in memory
 * @job: whose it is
 * @first: the first cluster
 * @nr: how many clusters
 * @wanted: how many of them, from @first on, writers have asked for
 * @early: how many of them were declared done when they were in memory
 * @at: the next sector to be copied; a copy longer than its memory is done
 *	in pieces
 * @end: one past the last sector
 * @piece: sectors in flight
 * @foreground: a writer waits for it
 * @flags: for its bios
 * @later: a piece of it has been copied before
 * @careful: after an error it is written again, cluster by cluster
 * @reading: the piece is being read, not written
 * @closings: the job's when it began to be read
 * @stale: the guard was held meanwhile, so what was read may be new data
 * @step: what is being done on the target
 * @written: sectors of the piece that are on the target
 * @span: sectors that the bio in flight is about, from @written on
 * @error: 0, or the negative errno that ended it
 * @charged: bytes of the bound it uses
 * @order: each chunk has 1 << @order pages
 * @nr_chunks: how many there are
 * @chunks: the memory
 * @bio: reads, then writes
 * @vecs: for @bio
 */
struct bcow_copy {
	struct list_head node;
	struct list_head resident;
	struct bcow_job *job;
	u64 first;
	u64 nr;
	u64 wanted;
	u64 early;
	sector_t at;
	sector_t end;
	unsigned int piece;
	bool foreground;
	blk_opf_t flags;
	bool later;
	bool careful;
	bool reading;
	u64 closings;
	bool stale;
	enum bcow_copy_step step;
	unsigned int written;
	unsigned int span;
	int error;
	u64 charged;
	unsigned int order;
	unsigned int nr_chunks;
	struct page *chunks[COPY_CHUNKS];
	struct bio bio;
	struct bio_vec vecs[COPY_CHUNKS];
};

/**
 * struct bcow_copy_stock - copies kept for the next use, guarded by the job's lock
 * @small: hold one chunk at most
 * @large: hold more
 * @nr: how many there are
 */
struct bcow_copy_stock {
	struct list_head small;
	struct list_head large;
	unsigned int nr;
};

int bcow_copy_init(void);
void bcow_copy_exit(void);

bool bcow_copy_charge(u64 bytes, u64 held, bool foreground);
void bcow_copy_uncharge(u64 bytes);
u64 bcow_copy_cost(u64 bytes);

struct bcow_copy *bcow_copy_alloc(u64 bytes, gfp_t gfp);
void bcow_copy_free(struct bcow_copy *copy);
void bcow_copy_stock_init(struct bcow_copy_stock *stock);
struct bcow_copy *bcow_copy_stock_take(struct bcow_copy_stock *stock,
				       u64 bytes);
bool bcow_copy_stock_keep(struct bcow_copy_stock *stock,
			  struct bcow_copy *copy);

unsigned int bcow_copy_room(const struct bcow_copy *copy);
bool bcow_copy_is_whole(const struct bcow_copy *copy);
bool bcow_copy_is_zero(const struct bcow_copy *copy, unsigned int from,
		       unsigned int sectors);
void bcow_copy_wipe(struct bcow_copy *copy);
void bcow_copy_submit(struct bcow_copy *copy, struct block_device *bdev,
		      sector_t sector, blk_opf_t opf, bio_end_io_t *end_io);

#endif /* BACKUPCOW_COPY_H */
