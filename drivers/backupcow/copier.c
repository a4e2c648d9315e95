// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data path of a job. map() defers a write to a cluster that is not done. The
 * front worker examines deferred writes, claims clusters and reads them from
 * the origin; the sink worker writes the data to the destination; the front
 * worker then declares the clusters done and releases the deferred writes.
 * Without work for deferred writes it claims for the background copy.
 *
 *            map()            front            sink
 *     write ------> deferred -----> read ------> write to destination
 *                      ^                             |
 *                      +----------- done <-----------+
 *
 * No write is in flight to a cluster that is to be copied: the job is armed
 * while dm holds the device drained, and such writes are deferred from then on.
 * So a copy never reads new data. map() tests without the lock whether a
 * cluster is done; true is final, and after false it tests again under the
 * lock, under which copies are declared done and deferred writes are woken, so
 * no wake-up is lost.
 *
 * Locking: job.lock guards everything, see struct bcow_job; no bio is submitted
 * or completed under it. Bios removed under the lock move to a struct
 * bcow_bios.
 * Life: a copy in flight holds a reference to the job, dropped by the front
 * worker; work is queued under the lock, while the copy at hand cannot have
 * been settled.
 */
#include <linux/blkdev.h>
#include <linux/part_stat.h>

#include "job.h"

/* How far ahead of its current cluster a large discard is copied. */
#define WINDOW_BYTES	(4 * COPY_MAX_BYTES)
/* Maximum size of one copy for sequential writes. */
#define AHEAD_BYTES	(256 * 1024)
/* Size and interval of background copies while the device is busy. */
#define POLITE_BYTES	(64 * 1024)
#define POLITE_NS	(500 * NSEC_PER_USEC)
/* A late worker may catch up by at most this. */
#define PACE_CREDIT_NS	(100 * NSEC_PER_MSEC)
/* Clusters searched per lock hold. */
#define SCAN_CLUSTERS	BIT(18)

/* Steps of the front worker per lock hold. */
#define BATCH_STEPS	64

/*
 * With this many urgent writes deferred, a task with another one waits in
 * map(), but no longer than the timeout: others may wait for the task.
 */
#define URGENT_MAX	1024
#define URGENT_PATIENCE	HZ

enum outcome { OUT_OF_WORK, CLAIMED, LOOK_ON, NO_ROOM };

/* Claimed clusters, with a copy or the charge to allocate one. */
struct claim {
	u64 first;
	u64 nr;
	u64 wanted;
	u64 bytes;
	u64 charge;
	bool foreground;
	bool alone;
	u64 closings;
	struct bcow_copy *copy;
};

/*
 * Collected under the lock, processed after. A @claim without a copy needs
 * memory first. The job's last copy drops a reference, after bcow_check_end().
 */
struct batch {
	unsigned int steps;
	struct bcow_bios bios;
	struct list_head reads;
	unsigned int nr_reads;
	struct list_head spent;
	struct claim claim;
	unsigned int refs;
};

void bcow_bios_init(struct bcow_bios *bios)
{
	bio_list_init(&bios->go);
	bio_list_init(&bios->fail);
	INIT_LIST_HEAD(&bios->all_go);
	INIT_LIST_HEAD(&bios->all_fail);
	bios->status = BLK_STS_OK;
}

static void list_deferred_bios(struct list_head *writers, struct bio_list *to)
{
	struct bcow_write *writer;

	list_for_each_entry(writer, writers, age)
		bio_list_add(to, bcow_deferred_bio(writer));
}

void bcow_bios_fail(struct bcow_bios *bios, struct bio_list *list,
		    blk_status_t status)
{
	struct bio *bio;

	bio_list_for_each(bio, list)
		bio->bi_status = status;
	bio_list_merge(&bios->fail, list);
}

static void fail_all_deferred(struct bcow_bios *bios)
{
	struct bio_list list = BIO_EMPTY_LIST;

	list_deferred_bios(&bios->all_fail, &list);
	bcow_bios_fail(bios, &list, bios->status);
}

static void submit_bios(struct bio_list *bios, struct blk_plug *plug)
{
	unsigned int nth = 0, nr = bio_list_size(bios);
	struct bio *bio;

	while ((bio = bio_list_pop(bios))) {
		if (plug)
			bcow_expect(plug, nth++, nr);
		dm_submit_bio_remap(bio, NULL);
	}
}

/* A suspend waits for tasks in map(), uninterruptibly: let them return. */
static bool has_room(const struct bcow_job *job, unsigned int max)
{
	return READ_ONCE(job->deferred.nr_urgent) < max ||
	       !READ_ONCE(job->guarding) || READ_ONCE(job->halted);
}

void bcow_bios_send(struct bcow_job *job, struct bcow_bios *bios,
		    struct blk_plug *plug)
{
	struct bio *bio;

	if (!list_empty(&bios->all_go))
		list_deferred_bios(&bios->all_go, &bios->go);
	if (!list_empty(&bios->all_fail))
		fail_all_deferred(bios);
	submit_bios(&bios->go, plug);
	while ((bio = bio_list_pop(&bios->fail)))
		bio_endio(bio);
	if (wq_has_sleeper(&job->room) && has_room(job, URGENT_MAX / 4 * 3))
		wake_up_all(&job->room);
}

void bcow_kick(struct bcow_job *job)
{
	queue_work(job->front_wq, &job->front);
}

static u64 clusters_in(const struct bcow_job *job, u64 bytes)
{
	return max_t(u64, bytes >> (job->place.shift + SECTOR_SHIFT), 1);
}

static void await_tick(struct bcow_job *job, u64 ns)
{
	hrtimer_start(&job->tick, ns_to_ktime(min_t(u64, ns, KTIME_MAX)),
		      HRTIMER_MODE_REL);
}

/*--------------------------------- claiming --------------------------------*/

static void set_length(struct bcow_job *job, struct claim *claim, u64 nr)
{
	u64 sectors = bcow_clusters_sectors(&job->clusters, claim->first, nr);

	claim->nr = nr;
	claim->bytes = min_t(u64, sectors << SECTOR_SHIFT, COPY_MAX_BYTES);
}

static bool take_stock(struct bcow_job *job, struct claim *claim, u64 bytes)
{
	lockdep_assert_held(&job->lock);
	claim->copy = bcow_copy_stock_take(&job->stock, bytes);
	return claim->copy;
}

static bool try_charge(struct bcow_job *job, struct claim *claim)
{
	lockdep_assert_held(&job->lock);
	claim->charge = bcow_copy_cost(claim->bytes);
	if (!job->dry &&
	    bcow_copy_charge(claim->charge, job->held, claim->foreground))
		return true;
	claim->charge = 0;
	return false;
}

/* A deferred write must not wait for the background to free it. */
static bool take_spare(struct bcow_job *job, struct claim *claim)
{
	lockdep_assert_held(&job->lock);
	if (job->spare_busy ||
	    (!claim->foreground && (job->inflight || job->deferred.nr)))
		return false;
	job->spare_busy = true;
	claim->copy = job->spare;
	return true;
}

/* Memory for all @nr clusters, else for one, else for a piece of one. */
static bool find_memory(struct bcow_job *job, struct claim *claim, u64 nr)
{
	lockdep_assert_held(&job->lock);
	set_length(job, claim, nr);
	if (take_stock(job, claim, claim->bytes) || try_charge(job, claim))
		return true;
	set_length(job, claim, 1);
	return take_stock(job, claim, 0) || try_charge(job, claim) ||
	       take_spare(job, claim);
}

static void use_up_speed(struct bcow_job *job, const struct claim *claim)
{
	u64 sectors;

	lockdep_assert_held(&job->lock);
	if (!job->opts.speed)
		return;
	sectors = bcow_clusters_sectors(&job->clusters, claim->first,
					claim->nr);
	job->paced_until += div64_u64((sectors << SECTOR_SHIFT) * NSEC_PER_SEC,
				      job->opts.speed);
}

/* Return: job.closings, to detect a guard held during the read. */
static u64 begin_read(struct bcow_job *job, bool foreground)
{
	lockdep_assert_held(&job->lock);
	job->reads++;
	job->background_reads += !foreground;
	return job->closings;
}

/* Claims @nr clusters to copy or, if memory is short, one. */
static bool claim_run(struct bcow_job *job, struct claim *claim, u64 first,
		      u64 nr, bool foreground)
{
	lockdep_assert_held(&job->lock);
	*claim = (struct claim){ .first = first, .foreground = foreground };
	if (!find_memory(job, claim, nr))
		return false;
	WARN_ON_ONCE(bcow_clusters_claim(&job->clusters, first, claim->nr));
	use_up_speed(job, claim);
	job->held += claim->charge;
	job->background += !foreground;
	if (!job->inflight++)
		bcow_job_get(job);
	claim->closings = begin_read(job, foreground);
	return true;
}

/* Keeps the stock for the next copy, but only for a second. */
static void trim_later(struct bcow_job *job)
{
	lockdep_assert_held(&job->lock);
	if (!job->inflight && job->stock.nr)
		queue_delayed_work(job->front_wq, &job->trim, HZ);
}

/* Removes a copy from flight. Return: true if it was the last one. */
static bool leave_flight(struct bcow_job *job, bool foreground)
{
	lockdep_assert_held(&job->lock);
	job->background -= !foreground;
	job->dry = false;
	if (--job->inflight)
		return false;
	wake_up(&job->idle);
	return true;
}

static void end_read(struct bcow_job *job, bool foreground)
{
	lockdep_assert_held(&job->lock);
	job->background_reads -= !foreground;
	job->reads--;
	if (job->halted && !(job->reads && job->background_reads))
		wake_up(&job->idle);
}

/* Out of memory: take the spare copy, or revert and wait for one to end. */
static struct bcow_copy *use_spare_or_revert(struct bcow_job *job,
					     struct claim *claim,
					     unsigned int *refs)
{
	bool spare;

	bcow_copy_uncharge(claim->charge);
	spin_lock_irq(&job->lock);
	job->held -= claim->charge;
	claim->charge = 0;
	spare = take_spare(job, claim);
	if (!spare) {
		bcow_clusters_revert(&job->clusters, claim->first, claim->nr);
		bcow_deferred_wake(&job->deferred, claim->first, claim->nr,
				   false);
		end_read(job, claim->foreground);
		*refs += leave_flight(job, claim->foreground);
		job->dry = true;
		trim_later(job);
	}
	spin_unlock_irq(&job->lock);
	return spare ? job->spare : NULL;
}

/*--------------------------------- reading ---------------------------------*/

/**
 * bcow_finish - declare claimed clusters done, except those already done
 * @job: the job
 * @first: first cluster
 * @end: one past the last
 */
void bcow_finish(struct bcow_job *job, u64 first, u64 end)
{
	struct bcow_clusters *clusters = &job->clusters;
	u64 at = first;

	lockdep_assert_held(&job->lock);
	if (bcow_clusters_finish(clusters, first, end - first))
		while ((at = bcow_clusters_next_undone(clusters, at, end)) < end)
			bcow_clusters_finish(clusters, at++, 1);
	bcow_deferred_wake(&job->deferred, first, end - first, false);
}

/*
 * Write-behind: the old data of these clusters is in memory, so their deferred
 * writes are released. Only requested clusters are declared done: an error of
 * one breaks the snapshot.
 */
static void declare_early(struct bcow_job *job, struct bcow_copy *copy,
			  u64 from, u64 end)
{
	u64 before = job->clusters.nr_done;

	lockdep_assert_held(&job->lock);
	end = min(end, copy->first + copy->nr);
	if (from < end)
		bcow_finish(job, from, end);
	copy->early += job->clusters.nr_done - before;
	if (copy->early == copy->nr)
		list_del_init(&copy->resident);
}

/* Only the transition from empty to non-empty queues the work. */
void bcow_to_sink(struct bcow_job *job, struct bcow_copy *copy)
{
	lockdep_assert_held(&job->lock);
	if (list_empty(&job->arrived))
		queue_work(job->sink_wq, &job->sink);
	list_add_tail(&copy->node, &job->arrived);
	job->nr_arrived++;
}

void bcow_to_front(struct bcow_job *job, struct bcow_copy *copy)
{
	lockdep_assert_held(&job->lock);
	if (list_empty(&job->ended))
		bcow_kick(job);
	list_add_tail(&copy->node, &job->ended);
}

static void take_read(struct bcow_job *job, struct bcow_copy *copy)
{
	lockdep_assert_held(&job->lock);
	if (job->opts.on_cbw_error == CBW_BREAK_SNAPSHOT &&
	    bcow_copy_is_whole(copy)) {
		list_add_tail(&copy->resident, &job->resident);
		declare_early(job, copy, copy->first,
			      copy->first + copy->wanted);
		bcow_deferred_wake(&job->deferred, copy->first, copy->nr,
				   false);
	}
	bcow_to_sink(job, copy);
}

static void read_ended(struct bio *bio)
{
	struct bcow_copy *copy = bio->bi_private;
	struct bcow_job *job = copy->job;
	unsigned long flags;

	copy->error = blk_status_to_errno(bio->bi_status);
	spin_lock_irqsave(&job->lock, flags);
	end_read(job, copy->foreground);
	copy->stale = copy->closings != job->closings;
	if (!copy->error && !job->guarding)
		copy->error = -ECANCELED;
	if (copy->error || copy->stale)
		bcow_to_front(job, copy);
	else
		take_read(job, copy);
	if (bcow_deferred_to_do(&job->deferred))
		bcow_kick(job);
	spin_unlock_irqrestore(&job->lock, flags);
}

static void read_piece(struct bcow_copy *copy)
{
	struct bcow_job *job = copy->job;

	copy->piece = min_t(sector_t, copy->end - copy->at,
			    bcow_copy_room(copy));
	copy->written = 0;
	copy->span = copy->piece;
	copy->step = STEP_LOOK;
	copy->reading = true;
	bcow_copy_submit(copy, job->origin, job->start + copy->at,
			 REQ_OP_READ | copy->flags |
			 (copy->foreground ? REQ_SYNC : 0), read_ended);
}

static void fill_copy(struct bcow_job *job, const struct claim *claim,
		      struct bcow_copy *copy)
{
	INIT_LIST_HEAD(&copy->resident);
	copy->job = job;
	copy->first = claim->first;
	copy->nr = claim->nr;
	copy->wanted = claim->wanted;
	copy->early = 0;
	copy->at = claim->first << job->place.shift;
	copy->end = copy->at + bcow_clusters_sectors(&job->clusters,
						     claim->first, claim->nr);
	copy->foreground = claim->foreground;
	copy->flags = claim->alone ? REQ_NOMERGE : 0;
	copy->later = false;
	copy->careful = false;
	copy->closings = claim->closings;
	copy->stale = false;
	copy->error = 0;
}

static void allocate_and_read(struct bcow_job *job, struct claim *claim,
			      unsigned int *refs)
{
	struct bcow_copy *copy;

	copy = bcow_copy_alloc(claim->bytes, GFP_NOIO | __GFP_NORETRY);
	if (!copy)
		copy = use_spare_or_revert(job, claim, refs);
	if (!copy)
		return;
	copy->charged += claim->charge;
	fill_copy(job, claim, copy);
	read_piece(copy);
}

/*--------------------------------- settling --------------------------------*/

static void settle_failed(struct bcow_job *job, struct bcow_copy *copy,
			  struct bcow_bios *bios)
{
	bool pass_over = copy->foreground;

	lockdep_assert_held(&job->lock);
	bcow_clusters_revert(&job->clusters, copy->first, copy->nr);
	if (copy->error && copy->foreground)
		bcow_foreground_failed(job, copy, bios);
	else if (copy->error)
		pass_over = bcow_background_failed(job, copy, bios);
	if (!pass_over)
		job->cursor = min(job->cursor, copy->first);
	bcow_deferred_wake(&job->deferred, copy->first, copy->nr, false);
}

/*
 * No reads from a suspended or unguarded device; while it is being suspended,
 * only for deferred writes.
 */
static bool may_read(const struct bcow_job *job, bool foreground)
{
	lockdep_assert_held(&job->lock);
	if (job->detached || job->watched.closed)
		return false;
	return foreground || !job->halted;
}

/* Drops the data and any error: the clusters are read again. */
static void drop_stale(struct bcow_job *job, struct bcow_copy *copy,
		       struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	copy->error = 0;
	settle_failed(job, copy, bios);
	bcow_judge_lost(job, bios);
}

/*
 * Reverts a cluster that could not be written; it is copied again, alone.
 * Return: false if its write was released, so that the old data is lost.
 */
static bool give_cluster_back(struct bcow_job *job, u64 cluster)
{
	lockdep_assert_held(&job->lock);
	if (bcow_clusters_revert(&job->clusters, cluster, 1))
		return false;
	job->cursor = min(job->cursor, cluster);
	job->careful_until = max(job->careful_until, cluster + 1);
	bcow_deferred_wake(&job->deferred, cluster, 1, false);
	return true;
}

/*
 * A copy with clusters declared early could not be written. Rewrites it cluster
 * by cluster, since only the others may have failed. Return: false if the copy
 * has ended.
 */
static bool write_carefully(struct bcow_job *job, struct bcow_copy *copy)
{
	lockdep_assert_held(&job->lock);
	if (!copy->error || !copy->early || copy->nr == 1 || !job->guarding)
		return false;
	if (copy->careful) {
		if (!give_cluster_back(job, copy->first +
				       (copy->written >> job->place.shift)))
			return false;
		copy->written += copy->span;
	} else {
		copy->careful = true;
		copy->written = 0;
	}
	copy->error = 0;
	if (copy->written == copy->piece)
		return false;
	copy->step = STEP_LOOK;
	bcow_to_sink(job, copy);
	return true;
}

/* Return: true if another piece follows. */
static bool settle_copy(struct bcow_job *job, struct bcow_copy *copy,
			struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	if (copy->early && copy->error) {
		bcow_job_break(job, copy->error, bios);
		return false;
	}
	if (copy->stale) {
		drop_stale(job, copy, bios);
		return false;
	}
	if (copy->error) {
		settle_failed(job, copy, bios);
		return false;
	}
	copy->at += copy->piece;
	copy->later = true;
	if (copy->at == copy->end) {
		if (!copy->careful)
			bcow_finish(job, copy->first, copy->first + copy->nr);
		return false;
	}
	if (job->guarding && may_read(job, copy->foreground)) {
		copy->closings = begin_read(job, copy->foreground);
		return true;
	}
	settle_failed(job, copy, bios);
	return false;
}

static void put_copy_away(struct bcow_job *job, struct bcow_copy *copy,
			  struct batch *batch)
{
	lockdep_assert_held(&job->lock);
	batch->refs += leave_flight(job, copy->foreground);
	if (copy == job->spare) {
		job->spare_busy = false;
	} else if (!bcow_copy_stock_keep(&job->stock, copy)) {
		job->held -= copy->charged;
		list_add(&copy->node, &batch->spent);
	}
	trim_later(job);
}

static void queue_read(struct batch *batch, struct bcow_copy *copy)
{
	list_add_tail(&copy->node, &batch->reads);
	batch->nr_reads++;
}

static void settle_ended(struct bcow_job *job, struct bcow_copy *copy,
			 struct batch *batch)
{
	lockdep_assert_held(&job->lock);
	list_del_init(&copy->resident);
	if (write_carefully(job, copy))
		return;
	if (settle_copy(job, copy, &batch->bios))
		queue_read(batch, copy);
	else
		put_copy_away(job, copy, batch);
}

/*--------------------------------- planning --------------------------------*/

/*
 * Write-behind: the cluster may be in memory already, read in the background or
 * ahead of the write. The newest copy is the most likely.
 */
static bool declare_resident(struct bcow_job *job, u64 cluster, u64 end)
{
	struct bcow_copy *copy;

	lockdep_assert_held(&job->lock);
	if (list_empty(&job->resident) ||
	    job->opts.on_cbw_error != CBW_BREAK_SNAPSHOT)
		return false;
	list_for_each_entry_reverse(copy, &job->resident, resident) {
		if (cluster < copy->first || cluster >= copy->first + copy->nr)
			continue;
		declare_early(job, copy, cluster, end);
		return true;
	}
	return false;
}

/* Adjacent writes in the queue are often adjacent on the device, too. */
static u64 followed_until(struct bcow_job *job, struct bcow_write *writer,
			  u64 end)
{
	lockdep_assert_held(&job->lock);
	while ((writer = bcow_deferred_after(&job->deferred, writer)) &&
	       writer->next == end && !writer->careful)
		end = writer->end;
	return end;
}

/* End of the requested clusters, for a copy that begins at @first. */
static u64 wanted_until(struct bcow_job *job, struct bcow_write *writer,
			u64 first, bool starved)
{
	u64 end = writer->end;

	lockdep_assert_held(&job->lock);
	if (writer->careful)
		return first + 1;
	if (!starved)
		end = followed_until(job, writer, end);
	return min(end, first + clusters_in(job, COPY_MAX_BYTES));
}

/*
 * End of a copy-before-write. A full backup needs every cluster anyway, so the
 * copy size doubles for sequential writes.
 */
static u64 foreground_end(struct bcow_job *job, const struct bcow_write *writer,
			  u64 first, u64 end)
{
	lockdep_assert_held(&job->lock);
	if (job->opts.sync != SYNC_FULL || writer->careful)
		return end;
	if (first == job->sequel)
		job->ahead = min(2 * job->ahead, clusters_in(job, AHEAD_BYTES));
	else
		job->ahead = 1;
	return max(end, first + job->ahead);
}

static enum outcome plan_write(struct bcow_job *job, struct bcow_write *writer,
			       bool starved, struct claim *claim,
			       struct bcow_bios *bios)
{
	struct bcow_clusters *clusters = &job->clusters;
	u64 first, stop, end, nr;
	u64 next = bcow_clusters_next_undone(clusters, writer->next,
					     writer->end);

	lockdep_assert_held(&job->lock);
	if (next == writer->end) {
		bcow_deferred_take(&job->deferred, writer, &bios->go);
		return LOOK_ON;
	}
	bcow_deferred_await(&job->deferred, writer, next);
	if (declare_resident(job, next, writer->end))
		return LOOK_ON;
	stop = min(writer->end, next + clusters_in(job, WINDOW_BYTES));
	first = bcow_clusters_next_to_copy(clusters, next, stop);
	if (first == stop) {
		list_del_init(&writer->todo);
		return LOOK_ON;
	}
	end = wanted_until(job, writer, first, starved);
	nr = bcow_clusters_run(clusters, first,
			       foreground_end(job, writer, first, end));
	if (!claim_run(job, claim, first, nr, true))
		return NO_ROOM;
	claim->wanted = min(claim->nr, end - first);
	claim->alone = first != job->sequel;
	job->sequel = first + claim->nr;
	return CLAIMED;
}

/* Writes starved of memory have precedence, unless there still is none. */
static enum outcome plan_foreground(struct bcow_job *job, struct batch *batch)
{
	struct bcow_deferred *writers = &job->deferred;
	enum outcome outcome = LOOK_ON;
	struct bcow_write *writer;
	bool no_room = false, starved;

	lockdep_assert_held(&job->lock);
	while (batch->steps && outcome != CLAIMED) {
		batch->steps--;
		writer = list_first_entry_or_null(&writers->starved,
						  struct bcow_write, todo);
		starved = writer && !no_room;
		if (!starved)
			writer = bcow_deferred_next(writers);
		if (!writer)
			return OUT_OF_WORK;
		outcome = plan_write(job, writer, starved, &batch->claim,
				     &batch->bios);
		if (outcome == NO_ROOM) {
			no_room = true;
			if (!starved)
				bcow_deferred_starve(writers, writer);
		}
	}
	return outcome;
}

/* Has anything else used the device since the last call? */
static bool device_is_used(struct bcow_job *job)
{
	struct block_device *part = job->disk->part0;
	long inflight = job->deferred.nr;
	u64 ios = 0;
	int cpu;

	lockdep_assert_held(&job->lock);
	for_each_possible_cpu(cpu) {
		inflight += part_stat_local_read_cpu(part, in_flight[0], cpu) +
			    part_stat_local_read_cpu(part, in_flight[1], cpu);
		ios += part_stat_get_cpu(part, ios[STAT_READ], cpu) +
		       part_stat_get_cpu(part, ios[STAT_WRITE], cpu);
	}
	swap(ios, job->ios);
	return inflight > 0 || ios != job->ios;
}

/*
 * A fast device never shows I/O in flight, and a background copy that runs
 * whenever there is none would leave its users no CPU time.
 */
static bool device_is_busy(struct bcow_job *job, u64 now)
{
	lockdep_assert_held(&job->lock);
	if (now >= job->busy_until && device_is_used(job))
		job->busy_until = now + POLITE_NS;
	return now < job->busy_until;
}

/* May background copying continue now? Else the timer wakes it. */
static bool background_is_due(struct bcow_job *job, u64 now, bool busy)
{
	u64 due = job->retry_at;

	lockdep_assert_held(&job->lock);
	if (busy)
		due = max(due, job->polite_at);
	if (job->opts.speed) {
		due = max(due, job->paced_until);
		if (job->paced_until + PACE_CREDIT_NS < now)
			job->paced_until = now - PACE_CREDIT_NS;
	}
	if (due <= now)
		return true;
	await_tick(job, due - now);
	return false;
}

/* On thin destinations only copies of whole units can skip zeroes. */
static u64 end_with_unit(const struct bcow_job *job, u64 first, u64 nr)
{
	unsigned int unit = bcow_unit(job), shift = job->place.shift;
	u64 max = clusters_in(job, COPY_MAX_BYTES), end;

	if (!unit || bcow_can_zero(job))
		return nr;
	end = (first + nr) << shift;
	end -= bcow_into_unit(job, unit, end);
	if ((s64)(end - (first << shift)) <= 0)
		end += unit;
	nr = DIV_ROUND_UP_ULL(end - (first << shift), 1ULL << shift);
	return min(nr, max);
}

static u64 background_clusters(struct bcow_job *job, u64 first, bool busy)
{
	u64 bytes = busy ? POLITE_BYTES : COPY_MAX_BYTES;

	lockdep_assert_held(&job->lock);
	if (first < job->careful_until)
		return 1;
	if (job->opts.speed)
		bytes = min(bytes, job->opts.speed / 16);
	return end_with_unit(job, first, clusters_in(job, bytes));
}

static enum outcome plan_background(struct bcow_job *job, struct claim *claim)
{
	struct bcow_clusters *clusters = &job->clusters;
	u64 first, stop, nr, now;
	bool busy;

	lockdep_assert_held(&job->lock);
	if (job->state != JOB_RUNNING || job->opts.sync != SYNC_FULL ||
	    !may_read(job, false) || job->background >= job->opts.max_workers ||
	    clusters->nr_done + clusters->nr_busy == clusters->nr)
		return OUT_OF_WORK;
	if (job->cursor >= clusters->nr)
		bcow_begin_again(job);
	now = ktime_get_ns();
	busy = device_is_busy(job, now);
	if ((busy && job->background) || !background_is_due(job, now, busy))
		return OUT_OF_WORK;
	stop = min_t(u64, job->cursor + SCAN_CLUSTERS, clusters->nr);
	first = bcow_clusters_next_to_copy(clusters, job->cursor, stop);
	job->cursor = first;
	if (first == stop)
		return LOOK_ON;
	nr = bcow_clusters_run(clusters, first,
			       first + background_clusters(job, first, busy));
	if (!claim_run(job, claim, first, nr, false))
		return OUT_OF_WORK;
	job->cursor = first + claim->nr;
	job->polite_at = now + POLITE_NS;
	return CLAIMED;
}

static enum outcome plan_one(struct bcow_job *job, struct batch *batch)
{
	enum outcome outcome = plan_foreground(job, batch);

	lockdep_assert_held(&job->lock);
	if (outcome == OUT_OF_WORK)
		outcome = plan_background(job, &batch->claim);
	return outcome;
}

/* Claims until a claim must allocate memory first. */
static enum outcome plan_batch(struct bcow_job *job, struct batch *batch)
{
	struct claim *claim = &batch->claim;
	enum outcome outcome;

	lockdep_assert_held(&job->lock);
	if (!may_read(job, true))
		return OUT_OF_WORK;
	do {
		outcome = plan_one(job, batch);
		if (outcome != CLAIMED)
			continue;
		if (!claim->copy)
			return CLAIMED;
		fill_copy(job, claim, claim->copy);
		queue_read(batch, claim->copy);
	} while (outcome != OUT_OF_WORK && batch->steps);
	return outcome == OUT_OF_WORK ? OUT_OF_WORK : LOOK_ON;
}

static void batch_init(struct batch *batch)
{
	batch->steps = BATCH_STEPS;
	bcow_bios_init(&batch->bios);
	INIT_LIST_HEAD(&batch->reads);
	batch->nr_reads = 0;
	INIT_LIST_HEAD(&batch->spent);
}

static void do_locked(struct bcow_job *job, struct batch *batch,
		      enum outcome *outcome)
{
	struct bcow_copy *copy;

	*outcome = LOOK_ON;
	spin_lock_irq(&job->lock);
	while (batch->steps && !list_empty(&job->ended)) {
		batch->steps--;
		copy = list_first_entry(&job->ended, struct bcow_copy, node);
		list_del(&copy->node);
		settle_ended(job, copy, batch);
	}
	if (batch->steps)
		*outcome = plan_batch(job, batch);
	spin_unlock_irq(&job->lock);
}

static void do_unlocked(struct bcow_job *job, struct batch *batch,
			struct blk_plug *plug)
{
	struct bcow_copy *copy, *next;
	unsigned int nth = 0;

	bcow_bios_send(job, &batch->bios, plug);
	list_for_each_entry_safe(copy, next, &batch->reads, node) {
		bcow_expect(plug, nth++, batch->nr_reads);
		read_piece(copy);
	}
	list_for_each_entry_safe(copy, next, &batch->spent, node)
		bcow_copy_free(copy);
}

void bcow_front(struct work_struct *work)
{
	struct bcow_job *job = container_of(work, struct bcow_job, front);
	enum outcome outcome;
	struct blk_plug plug;
	struct batch batch = { .refs = 0 };

	blk_start_plug(&plug);
	do {
		batch_init(&batch);
		do_locked(job, &batch, &outcome);
		do_unlocked(job, &batch, &plug);
		if (outcome == CLAIMED)
			allocate_and_read(job, &batch.claim, &batch.refs);
		cond_resched();
	} while (outcome != OUT_OF_WORK);
	blk_finish_plug(&plug);
	bcow_check_end(job);
	while (batch.refs--)
		bcow_job_put_later(job);
}

void bcow_trim(struct work_struct *work)
{
	struct bcow_job *job =
		container_of(to_delayed_work(work), struct bcow_job, trim);
	struct bcow_copy *copy;

	do {
		spin_lock_irq(&job->lock);
		copy = NULL;
		if (!job->inflight)
			copy = bcow_copy_stock_take(&job->stock, 0);
		if (copy)
			job->held -= copy->charged;
		spin_unlock_irq(&job->lock);
		if (copy)
			bcow_copy_free(copy);
	} while (copy);
}

enum hrtimer_restart bcow_tick(struct hrtimer *tick)
{
	bcow_kick(container_of(tick, struct bcow_job, tick));
	return HRTIMER_NORESTART;
}

/*----------------------------- deferred writes -----------------------------*/

/* Is all data a write needs in memory, and so now declared done? */
static bool is_resident(struct bcow_job *job, u64 first, u64 end)
{
	bool all = !list_empty(&job->resident);

	lockdep_assert_held(&job->lock);
	while (all && (first = bcow_clusters_next_undone(&job->clusters, first,
							 end)) < end)
		all = declare_resident(job, first, end);
	if (bcow_deferred_to_do(&job->deferred))
		bcow_kick(job);
	return all;
}

/*
 * Delays only the tasks that flood. Page cache writeback runs in kernel
 * threads, which others depend on, and is not urgent; swap frees memory.
 */
static void await_room(struct bcow_job *job, const struct bio *bio)
{
	if (!bcow_deferred_urgent(bio) ||
	    bio->bi_opf & (REQ_NOWAIT | REQ_SWAP) ||
	    current->flags & PF_KTHREAD)
		return;
	wait_event_timeout(job->room, has_room(job, URGENT_MAX),
			   URGENT_PATIENCE);
}

/**
 * bcow_park - defer a write to clusters that are not done
 * @job: the job
 * @ti: the live target
 * @bio: the write, already remapped to the origin
 * @sector: first sector, relative to the target
 *
 * May sleep for up to a second while too many wait. Return: result for map().
 */
int bcow_park(struct bcow_job *job, struct dm_target *ti, struct bio *bio,
	      sector_t sector)
{
	unsigned int shift = job->place.shift;
	u64 last = (sector + bio_sectors(bio) - 1) >> shift;
	int r = DM_MAPIO_SUBMITTED;

	await_room(job, bio);
	spin_lock_irq(&job->lock);
	if (bcow_lets_pass(job, sector, bio_sectors(bio))) {
		r = DM_MAPIO_REMAPPED;
	} else if (job->pushback && dm_noflush_suspending(ti)) {
		r = DM_MAPIO_REQUEUE;
	} else if (is_resident(job, sector >> shift, last + 1)) {
		r = DM_MAPIO_REMAPPED;
	} else {
		bcow_deferred_add(&job->deferred, bio, sector >> shift,
				  last + 1);
		if (job->opts.cbw_timeout)
			queue_delayed_work(job->front_wq, &job->deadline,
					   job->opts.cbw_timeout * HZ);
		bcow_kick(job);
	}
	spin_unlock_irq(&job->lock);
	return r;
}

/* Has the oldest deferred write waited too long? */
static bool has_expired(struct bcow_job *job, struct bcow_write *writer)
{
	unsigned long timeout = job->opts.cbw_timeout * HZ;

	lockdep_assert_held(&job->lock);
	return timeout && time_after_eq(jiffies, writer->since + timeout);
}

/* A later write may have re-armed the timer; re-arm it for the oldest. */
static void watch_oldest(struct bcow_job *job, const struct bcow_write *oldest)
{
	unsigned long at = oldest->since + job->opts.cbw_timeout * HZ;

	lockdep_assert_held(&job->lock);
	if (job->opts.cbw_timeout)
		mod_delayed_work(job->front_wq, &job->deadline,
				 time_after(at, jiffies) ? at - jiffies : 0);
}

void bcow_deadline(struct work_struct *work)
{
	struct bcow_job *job =
		container_of(to_delayed_work(work), struct bcow_job, deadline);
	struct bio_list failed = BIO_EMPTY_LIST;
	struct bcow_bios bios;
	struct bcow_write *writer;

	bcow_bios_init(&bios);
	spin_lock_irq(&job->lock);
	while ((writer = bcow_deferred_oldest(&job->deferred)) &&
	       has_expired(job, writer)) {
		if (job->opts.on_cbw_error == CBW_BREAK_SNAPSHOT)
			bcow_job_break(job, -ETIMEDOUT, &bios);
		else
			bcow_deferred_take(&job->deferred, writer, &failed);
	}
	bcow_writes_failed(job, bio_list_size(&failed), false, -ETIMEDOUT);
	bcow_bios_fail(&bios, &failed, BLK_STS_TIMEOUT);
	if (writer)
		watch_oldest(job, writer);
	spin_unlock_irq(&job->lock);
	bcow_bios_send(job, &bios, NULL);
}
