// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers and bios for copying. kcopyd is not used: its job list is unbounded,
 * one thread serves all its users, and it does not report when the data has
 * been read, which is when write-behind releases deferred writes. So bios are
 * submitted directly; each copy embeds its own, and no mempool is needed.
 *
 * On kernels that clear every allocated page, zeroing fresh pages costs as much
 * as the copy, so a busy job keeps some copies for reuse.
 *
 * The bound is a plain byte counter over all jobs. A job may hold as much as it
 * leaves free for others: half of the bound if it is alone, or half of the
 * bytes that others do not hold. So a job with a hung destination never
 * exhausts it, without counting the jobs. Background copies may hold half of
 * the rest. A job that gets no memory because the system is out of it continues
 * with its one preallocated copy (@spare), which guarantees forward progress;
 * deferred writes have precedence for it.
 *
 * Locking: a copy belongs to one context at a time; the job's lock guards the
 * stock.
 */
#include <linux/atomic.h>
#include <linux/blkdev.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "copy.h"

static unsigned int max_copy_memory_mib = 64;
module_param(max_copy_memory_mib, uint, 0644);
MODULE_PARM_DESC(max_copy_memory_mib,
		 "Bound on the memory of copies in flight, over all jobs, in MiB");

/* Maximum number of copies a job keeps for reuse. */
#define STOCK_MAX	64

static struct kmem_cache *copy_cache;
static atomic64_t copy_charged;

/**
 * bcow_copy_init - at module load
 *
 * Return: 0 or -ENOMEM.
 */
int bcow_copy_init(void)
{
	copy_cache = kmem_cache_create("backupcow_copy",
				       sizeof(struct bcow_copy), 0, 0, NULL);
	return copy_cache ? 0 : -ENOMEM;
}

/**
 * bcow_copy_exit - undo bcow_copy_init(); no copies may be left
 */
void bcow_copy_exit(void)
{
	kmem_cache_destroy(copy_cache);
}

/**
 * bcow_copy_cost - bytes charged for a copy
 * @bytes: size of the copy
 */
u64 bcow_copy_cost(u64 bytes)
{
	if (bytes > COPY_CHUNK_BYTES)
		bytes = round_up(bytes, COPY_CHUNK_BYTES);
	else
		bytes = PAGE_SIZE << get_order(bytes);
	return bytes + sizeof(struct bcow_copy);
}

/**
 * bcow_copy_charge - charge memory to the bound
 * @bytes: amount, from bcow_copy_cost()
 * @held: amount already charged to the job
 * @foreground: a deferred write waits for it
 *
 * Return: true if granted and charged.
 */
bool bcow_copy_charge(u64 bytes, u64 held, bool foreground)
{
	s64 max = (u64)READ_ONCE(max_copy_memory_mib) << 20;
	s64 left = max - atomic64_add_return(bytes, &copy_charged);

	if (!foreground)
		left /= 2;
	if (left >= 0 && held + bytes <= left)
		return true;
	bcow_copy_uncharge(bytes);
	return false;
}

/**
 * bcow_copy_uncharge - undo bcow_copy_charge()
 * @bytes: amount
 */
void bcow_copy_uncharge(u64 bytes)
{
	atomic64_sub(bytes, &copy_charged);
}

/* Allocates chunks; fewer than wanted suffice, as copies use pieces. */
static void add_chunks(struct bcow_copy *copy, u64 bytes, unsigned int order,
		       gfp_t gfp)
{
	unsigned int wanted = DIV_ROUND_UP_ULL(bytes, PAGE_SIZE << order);
	struct page *page;

	copy->order = order;
	if (order)
		gfp |= __GFP_COMP;
	while (copy->nr_chunks < min_t(unsigned int, wanted, COPY_CHUNKS)) {
		page = alloc_pages(gfp, order);
		if (!page)
			return;
		copy->chunks[copy->nr_chunks++] = page;
	}
}

/* A piece must end on a logical block, which may span several pages. */
static void drop_partial_granule(struct bcow_copy *copy, unsigned int granule)
{
	while (copy->nr_chunks % granule)
		__free_pages(copy->chunks[--copy->nr_chunks], copy->order);
}

/**
 * bcow_copy_alloc - allocate a copy
 * @bytes: wanted size; the copy may hold less
 * @gfp: allocation flags
 *
 * Return: the copy, or NULL if out of memory.
 */
struct bcow_copy *bcow_copy_alloc(u64 bytes, gfp_t gfp)
{
	unsigned int order = min_t(unsigned int, get_order(bytes),
				   COPY_CHUNK_ORDER);
	struct bcow_copy *copy =
		kmem_cache_alloc(copy_cache, gfp | __GFP_NOWARN);

	if (!copy)
		return NULL;
	copy->nr_chunks = 0;
	copy->charged = 0;
	bio_init(&copy->bio, NULL, copy->vecs, COPY_CHUNKS, 0);
	add_chunks(copy, bytes, order, gfp | __GFP_NOWARN);
	if (!copy->nr_chunks) {
		add_chunks(copy, bytes, 0, gfp | __GFP_NOWARN);
		drop_partial_granule(copy, 1 << order);
	}
	if (copy->nr_chunks)
		return copy;
	bcow_copy_free(copy);
	return NULL;
}

/**
 * bcow_copy_free - free a copy not in flight, and its charge
 * @copy: the copy
 */
void bcow_copy_free(struct bcow_copy *copy)
{
	while (copy->nr_chunks)
		__free_pages(copy->chunks[--copy->nr_chunks], copy->order);
	bcow_copy_uncharge(copy->charged);
	bio_uninit(&copy->bio);
	kmem_cache_free(copy_cache, copy);
}

/**
 * bcow_copy_stock_init - initialize an empty stock
 * @stock: the stock
 */
void bcow_copy_stock_init(struct bcow_copy_stock *stock)
{
	INIT_LIST_HEAD(&stock->small);
	INIT_LIST_HEAD(&stock->large);
	stock->nr = 0;
}

/**
 * bcow_copy_stock_take - take a copy from the stock
 * @stock: the stock
 * @bytes: size needed; 0 for any
 *
 * Return: the copy, or NULL if none or too small.
 */
struct bcow_copy *bcow_copy_stock_take(struct bcow_copy_stock *stock, u64 bytes)
{
	struct list_head *list = &stock->small;
	struct bcow_copy *copy;

	if (bytes > COPY_CHUNK_BYTES || (!bytes && list_empty(list)))
		list = &stock->large;
	copy = list_first_entry_or_null(list, struct bcow_copy, node);
	if (!copy || (u64)bcow_copy_room(copy) << SECTOR_SHIFT < bytes)
		return NULL;
	list_del(&copy->node);
	stock->nr--;
	return copy;
}

/**
 * bcow_copy_stock_keep - keep a copy for reuse if memory is plentiful
 * @stock: the stock
 * @copy: the copy; it stays charged
 *
 * Return: false if the caller must free it.
 */
bool bcow_copy_stock_keep(struct bcow_copy_stock *stock, struct bcow_copy *copy)
{
	u64 plenty = (u64)READ_ONCE(max_copy_memory_mib) << 18;

	if (stock->nr == STOCK_MAX || atomic64_read(&copy_charged) > plenty)
		return false;
	if (bcow_copy_room(copy) << SECTOR_SHIFT <= COPY_CHUNK_BYTES)
		list_add(&copy->node, &stock->small);
	else
		list_add(&copy->node, &stock->large);
	stock->nr++;
	return true;
}

/**
 * bcow_copy_room - capacity in sectors
 * @copy: the copy
 */
unsigned int bcow_copy_room(const struct bcow_copy *copy)
{
	return copy->nr_chunks << (copy->order + PAGE_SHIFT - SECTOR_SHIFT);
}

/**
 * bcow_copy_is_whole - does the piece in flight cover the copy?
 * @copy: the copy
 */
bool bcow_copy_is_whole(const struct bcow_copy *copy)
{
	return !copy->later && copy->end - copy->at == copy->piece;
}

/*
 * Memory of at most @sectors from sector @from on, within one chunk.
 * Return: its length in bytes.
 */
static size_t part_of_chunk(const struct bcow_copy *copy, unsigned int from,
			    unsigned int sectors, struct page **page,
			    size_t *offset)
{
	size_t chunk = PAGE_SIZE << copy->order;
	size_t at = (size_t)from << SECTOR_SHIFT;

	*page = copy->chunks[at / chunk];
	*offset = at % chunk;
	return min((size_t)sectors << SECTOR_SHIFT, chunk - *offset);
}

/**
 * bcow_copy_is_zero - test whether part of the piece is all zeroes
 * @copy: the copy
 * @from: first sector in the piece
 * @sectors: number of sectors
 */
bool bcow_copy_is_zero(const struct bcow_copy *copy, unsigned int from,
		       unsigned int sectors)
{
	struct page *page;
	size_t offset, len;

	while (sectors) {
		len = part_of_chunk(copy, from, sectors, &page, &offset);
		if (memchr_inv(page_address(page) + offset, 0, len))
			return false;
		from += len >> SECTOR_SHIFT;
		sectors -= len >> SECTOR_SHIFT;
	}
	return true;
}

/**
 * bcow_copy_wipe - zero the memory of the span
 * @copy: the copy
 */
void bcow_copy_wipe(struct bcow_copy *copy)
{
	unsigned int from = copy->written, left = copy->span;
	struct page *page;
	size_t offset, len;

	while (left) {
		len = part_of_chunk(copy, from, left, &page, &offset);
		memset(page_address(page) + offset, 0, len);
		from += len >> SECTOR_SHIFT;
		left -= len >> SECTOR_SHIFT;
	}
}

static void add_data(struct bcow_copy *copy)
{
	unsigned int from = copy->written, left = copy->span;
	struct page *page;
	size_t offset, len;

	while (left) {
		len = part_of_chunk(copy, from, left, &page, &offset);
		__bio_add_page(&copy->bio, page, len, offset);
		from += len >> SECTOR_SHIFT;
		left -= len >> SECTOR_SHIFT;
	}
}

/**
 * bcow_copy_submit - read or write a span
 * @copy: the copy, with @written and @span set
 * @bdev: the device
 * @sector: start sector
 * @opf: operation and flags
 * @end_io: completion callback
 *
 * Bypasses submit_bio(): the I/O must not be charged to the current task.
 */
void bcow_copy_submit(struct bcow_copy *copy, struct block_device *bdev,
		      sector_t sector, blk_opf_t opf, bio_end_io_t *end_io)
{
	struct bio *bio = &copy->bio;

	bio_reset(bio, bdev, opf);
	bio->bi_iter.bi_sector = sector;
	bio->bi_end_io = end_io;
	bio->bi_private = copy;
	if ((opf & REQ_OP_MASK) == REQ_OP_WRITE_ZEROES)
		bio->bi_iter.bi_size = copy->span << SECTOR_SHIFT;
	else
		add_data(copy);
	submit_bio_noacct(bio);
}
