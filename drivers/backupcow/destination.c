// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes to the destination. Only the sink worker submits there, so a hung
 * destination blocks nothing else; it has its own workqueue and so its own
 * rescuer, and each job has its own two.
 *
 * A piece is written as a whole, unless zeroes are to be detected: then it is
 * written in spans of consecutive clusters that are either all zero or all not.
 * Zero spans become write-zeroes if the destination supports them. A thin
 * volume does not, and a discard there does not guarantee zeroes; so with
 * "unmap" the destination is read back, and nothing is written where it reads
 * as zeroes: unallocated space stays so. This applies to whole allocation units
 * only: a pool that does not zero new blocks shows old data in the rest of a
 * partly written unit.
 *
 * Locking: as in copier.c. A copy belongs to the sink from bcow_to_sink() until
 * it is submitted, then to its completion.
 */
#include <linux/blkdev.h>
#include <linux/buffer_head.h>
#include <linux/delay.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>

#include "job.h"

#define DM_MSG_PREFIX QDM_TARGET_BACKUPCOW

/* Retries for busy pages of the destination, and their interval. */
#define DROP_TRIES	5
#define DROP_AGAIN_MS	20

#define COPY_WRITE_FLAGS (REQ_SYNC | REQ_IDLE)

/*----------------------------------- spans ---------------------------------*/

/* Sectors from @from to the end of its cluster or the piece. */
static unsigned int cluster_at(const struct bcow_job *job,
			       const struct bcow_copy *copy, unsigned int from)
{
	u64 size = 1ULL << job->place.shift;

	return min_t(u64, size - ((copy->at + from) & (size - 1)),
		     copy->piece - from);
}

/**
 * bcow_unit - allocation unit of the destination, if it may be read back for
 *	zeroes
 * @job: the job
 *
 * Return: the unit in sectors, or 0 if everything must be written.
 */
unsigned int bcow_unit(const struct bcow_job *job)
{
	if (READ_ONCE(job->opts.detect_zeroes) != ZEROES_UNMAP ||
	    !bdev_max_discard_sectors(job->target))
		return 0;
	return bdev_discard_granularity(job->target) >> SECTOR_SHIFT;
}

/**
 * bcow_into_unit - offset of a sector in its allocation unit
 * @job: the job
 * @unit: the unit, not 0
 * @sector: the sector, from the beginning of the backup
 */
unsigned int bcow_into_unit(const struct bcow_job *job, unsigned int unit,
			    u64 sector)
{
	u64 offset = bdev_discard_alignment(job->target) >> SECTOR_SHIFT;

	return (job->place.start + sector + unit - offset % unit) % unit;
}

/* Cuts the span to whole units, or the part before. Return: true for units. */
static bool cut_to_units(const struct bcow_job *job, struct bcow_copy *copy)
{
	unsigned int unit = bcow_unit(job), into, before;

	if (!unit)
		return false;
	into = bcow_into_unit(job, unit, copy->at + copy->written);
	before = into ? unit - into : 0;
	if (copy->span < before + unit)
		return false;
	copy->span = before ?: rounddown(copy->span, unit);
	return !before;
}

/* Sets the next span. Return: is it all zeroes? */
static bool find_span(const struct bcow_job *job, struct bcow_copy *copy)
{
	unsigned int from = copy->written, len;
	bool zero;

	copy->span = copy->piece - from;
	len = cluster_at(job, copy, from);
	if (copy->careful)
		copy->span = len;
	if (copy->careful || READ_ONCE(job->opts.detect_zeroes) == ZEROES_OFF)
		return false;
	zero = bcow_copy_is_zero(copy, from, len);
	for (from += len; from < copy->piece; from += len) {
		len = cluster_at(job, copy, from);
		if (bcow_copy_is_zero(copy, from, len) != zero)
			break;
	}
	copy->span = from - copy->written;
	return zero;
}

/* A carefully written span is one cluster, which may be done. */
static void span_written(struct bcow_job *job, struct bcow_copy *copy)
{
	u64 cluster = copy->first + (copy->written >> job->place.shift);

	lockdep_assert_held(&job->lock);
	if (copy->careful) {
		bcow_finish(job, cluster, cluster + 1);
		bcow_kick(job);
	}
	copy->written += copy->span;
	copy->step = STEP_LOOK;
	if (copy->written < copy->piece)
		bcow_to_sink(job, copy);
	else
		bcow_to_front(job, copy);
}

/*
 * Devices report unsupported write-zeroes with various errors: on any error,
 * write or read back instead; a real error recurs.
 */
static void span_ended(struct bio *bio)
{
	struct bcow_copy *copy = bio->bi_private;
	struct bcow_job *job = copy->job;
	unsigned long flags;

	copy->error = blk_status_to_errno(bio->bi_status);
	spin_lock_irqsave(&job->lock, flags);
	if (copy->step == STEP_READ_BACK) {
		bcow_to_sink(job, copy);
	} else if (copy->step == STEP_ZERO && copy->error) {
		job->no_zeroing = true;
		copy->step = STEP_LOOK;
		bcow_to_sink(job, copy);
	} else if (copy->error) {
		list_del_init(&copy->resident);
		bcow_to_front(job, copy);
	} else {
		span_written(job, copy);
	}
	spin_unlock_irqrestore(&job->lock, flags);
}

static void submit_span(struct bcow_job *job, struct bcow_copy *copy,
			enum bcow_copy_step step, blk_opf_t opf)
{
	copy->step = step;
	copy->reading = false;
	bcow_copy_submit(copy, job->target,
			 job->place.start + copy->at + copy->written, opf,
			 span_ended);
}

static void write_span(struct bcow_job *job, struct bcow_copy *copy)
{
	submit_span(job, copy, STEP_WRITE,
		    REQ_OP_WRITE | COPY_WRITE_FLAGS | copy->flags);
}

/**
 * bcow_can_zero - does the destination take write-zeroes?
 * @job: the job
 */
bool bcow_can_zero(const struct bcow_job *job)
{
	return !READ_ONCE(job->no_zeroing) &&
	       bdev_write_zeroes_sectors(job->target);
}

static void begin_span(struct bcow_job *job, struct bcow_copy *copy)
{
	bool unmap = READ_ONCE(job->opts.detect_zeroes) == ZEROES_UNMAP;

	if (!find_span(job, copy))
		write_span(job, copy);
	else if (bcow_can_zero(job))
		submit_span(job, copy, STEP_ZERO, REQ_OP_WRITE_ZEROES |
			    (unmap ? 0 : REQ_NOUNMAP));
	else if (cut_to_units(job, copy))
		submit_span(job, copy, STEP_READ_BACK, REQ_OP_READ);
	else
		write_span(job, copy);
}

/* The span's memory now holds the destination's data. */
static void judge_span(struct bcow_job *job, struct bcow_copy *copy)
{
	if (copy->error ||
	    !bcow_copy_is_zero(copy, copy->written, copy->span)) {
		bcow_copy_wipe(copy);
		write_span(job, copy);
		return;
	}
	spin_lock_irq(&job->lock);
	span_written(job, copy);
	spin_unlock_irq(&job->lock);
}

/*--------------------------------- page cache ------------------------------*/

static loff_t first_byte(const struct bcow_job *job)
{
	return (loff_t)job->place.start << SECTOR_SHIFT;
}

static loff_t last_byte(const struct bcow_job *job)
{
	return first_byte(job) + ((loff_t)job->place.sectors << SECTOR_SHIFT) - 1;
}

/* Return: false if pages remain because others wrote to them. */
static bool drop_pages(struct bcow_job *job)
{
	struct address_space *mapping = qdm_bdev_mapping(job->target);
	int tries;

	for (tries = 0; tries < DROP_TRIES; tries++) {
		if (tries)
			msleep(DROP_AGAIN_MS);
		invalidate_bh_lrus();
		if (!invalidate_inode_pages2_range(mapping,
						   first_byte(job) >> PAGE_SHIFT,
						   last_byte(job) >> PAGE_SHIFT))
			return true;
	}
	return false;
}

/*
 * Old dirty pages would be written back over the copies later. Reclaim may
 * depend on waiters for pages here, so allocations must not cause I/O.
 */
static void begin_to_write(struct bcow_job *job)
{
	unsigned int noio;
	bool first;

	spin_lock_irq(&job->lock);
	first = job->cache == CACHE_UNTOUCHED;
	if (first)
		job->cache = CACHE_STALE;
	spin_unlock_irq(&job->lock);
	if (!first)
		return;
	noio = memalloc_noio_save();
	sync_blockdev_range(job->target, first_byte(job), last_byte(job));
	drop_pages(job);
	memalloc_noio_restore(noio);
}

/**
 * bcow_drop_cache - make the written data visible to readers of the destination
 * @job: the job, with nothing in flight
 *
 * Waits for pages being read, forever if the destination hangs; by now no
 * deferred write and no suspend of the origin can wait for the job.
 */
void bcow_drop_cache(struct bcow_job *job)
{
	unsigned int noio = memalloc_noio_save();

	if (!drop_pages(job))
		DMWARN("destination %u:%u has pages in the page cache that are not the backup's: it is being written to",
		       MAJOR(job->place.target), MINOR(job->place.target));
	memalloc_noio_restore(noio);
}

/**
 * bcow_drop - bcow_drop_cache() as a work
 * @work: the job's @drop
 */
void bcow_drop(struct work_struct *work)
{
	struct bcow_job *job = container_of(work, struct bcow_job, drop);

	bcow_drop_cache(job);
	spin_lock_irq(&job->lock);
	job->cache = CACHE_DROPPED;
	job->inflight--;
	bcow_kick(job);
	spin_unlock_irq(&job->lock);
	bcow_job_put_later(job);
}

/*----------------------------------- flush ---------------------------------*/

static void flush_ended(struct bio *bio)
{
	struct bcow_job *job = bio->bi_private;
	unsigned long flags;

	spin_lock_irqsave(&job->lock, flags);
	job->flush_error = blk_status_to_errno(bio->bi_status);
	job->flush = FLUSH_ENDED;
	bcow_kick(job);
	spin_unlock_irqrestore(&job->lock, flags);
}

static void flush_target(struct bcow_job *job)
{
	struct bio *bio = &job->flush_bio;

	bio_init(bio, job->target, NULL, 0, REQ_OP_WRITE | REQ_PREFLUSH);
	bio->bi_end_io = flush_ended;
	bio->bi_private = job;
	submit_bio(bio);
}

static bool take_flush(struct bcow_job *job)
{
	bool wanted;

	spin_lock_irq(&job->lock);
	wanted = job->flush == FLUSH_WANTED;
	if (wanted)
		job->flush = FLUSH_SENT;
	spin_unlock_irq(&job->lock);
	return wanted;
}

/*---------------------------------- worker ---------------------------------*/

/* Copies overtaken by the end of the job must not be written any more. */
static void give_copy_up(struct bcow_job *job, struct bcow_copy *copy)
{
	copy->error = -ECANCELED;
	spin_lock_irq(&job->lock);
	bcow_to_front(job, copy);
	spin_unlock_irq(&job->lock);
}

/* Return: number of copies to be written. */
static unsigned int take_arrived(struct bcow_job *job, struct list_head *copies)
{
	unsigned int nr;

	INIT_LIST_HEAD(copies);
	spin_lock_irq(&job->lock);
	list_splice_init(&job->arrived, copies);
	nr = job->nr_arrived;
	job->nr_arrived = 0;
	spin_unlock_irq(&job->lock);
	return nr;
}

static void advance_copy(struct bcow_job *job, struct bcow_copy *copy)
{
	if (!READ_ONCE(job->guarding))
		give_copy_up(job, copy);
	else if (copy->step == STEP_READ_BACK)
		judge_span(job, copy);
	else
		begin_span(job, copy);
}

void bcow_sink(struct work_struct *work)
{
	struct bcow_job *job = container_of(work, struct bcow_job, sink);
	struct list_head copies;
	struct bcow_copy *copy, *next;
	unsigned int nth, nr;
	struct blk_plug plug;

	blk_start_plug(&plug);
	while ((nr = take_arrived(job, &copies))) {
		if (READ_ONCE(job->guarding))
			begin_to_write(job);
		nth = 0;
		list_for_each_entry_safe(copy, next, &copies, node) {
			bcow_expect(&plug, nth++, nr);
			advance_copy(job, copy);
		}
		cond_resched();
	}
	blk_finish_plug(&plug);
	if (take_flush(job))
		flush_target(job);
}
