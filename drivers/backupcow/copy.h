/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A copy moves the old data of consecutive clusters from the origin into memory
 * and from there to the destination. Memory in flight over all jobs is bounded;
 * it is charged before it is allocated.
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
 * struct bcow_copy - consecutive clusters being copied
 * @node: in one of the job's queues or its stock, or in no list
 * @resident: in job.resident while all its data is in memory
 * @job: its job
 * @first: first cluster
 * @nr: number of clusters
 * @wanted: number of clusters, from @first on, requested by deferred writes
 * @early: number of clusters declared done once in memory
 * @at: next sector to copy; a copy larger than its buffer is copied in pieces
 * @end: one past the last sector
 * @piece: sectors in flight
 * @foreground: a deferred write waits for it
 * @flags: bio flags
 * @later: an earlier piece has been copied
 * @careful: being rewritten cluster by cluster after an error
 * @reading: the piece is being read, not written
 * @closings: job.closings when the read began
 * @stale: the guard was held meanwhile, the data read may be new
 * @step: current operation on the destination
 * @written: sectors of the piece already on the destination
 * @span: sectors covered by the bio in flight, from @written on
 * @error: 0, or the negative errno that ended it
 * @charged: bytes charged against the bound
 * @order: each chunk has 1 << @order pages
 * @nr_chunks: number of chunks
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
 * struct bcow_copy_stock - copies kept for reuse, guarded by the job's lock
 * @small: copies of at most one chunk
 * @large: larger copies
 * @nr: number of copies
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
