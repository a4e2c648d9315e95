// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of the data through a job. A write to a cluster that is not done is
 * parked in map(). The front worker looks at what is parked, claims clusters
 * and reads them from the origin; what has been read goes to the sink worker,
 * which writes it to the target; what has been written comes back to the front
 * worker, which declares the clusters done and lets the writers go. When no
 * writer wants anything the front worker claims for the background copy.
 *
 *            map()            front            sink
 *     write ------> writers ------> read ------> write to target
 *                      ^                             |
 *                      +----------- done <-----------+
 *
 * No write is in flight to a cluster that is to be copied: the job is armed
 * while dm has drained the device, and from then on such writes are parked.
 * So a read for a copy never sees new data. map() asks without the lock
 * whether a cluster is done; the answer yes stays true, and after a no it asks
 * again with the lock, under which a copy is declared done and its writers are
 * woken, so no wake-up is lost.
 *
 * Locking: job.lock guards all, see struct job; nothing is submitted or ended
 * under it. Bios taken out under the lock travel in a struct job_bios.
 * Life: a copy in flight holds a reference to the job, dropped by the front
 * worker; whoever queues work does so under the lock, while it is sure that
 * the copy at hand has not been settled.
 */
#include <linux/blkdev.h>
#include <linux/part_stat.h>

#include "job.h"

/* How far ahead of the cluster it waits for a large discard is copied. */
#define WINDOW_BYTES	(4 * COPY_MAX_BYTES)
/* How much at most is copied at once for a writer that writes in sequence. */
#define AHEAD_BYTES	(256 * 1024)
/* How much at once, and how often, the background copies while the device is in use. */
#define POLITE_BYTES	(64 * 1024)
#define POLITE_NS	(500 * NSEC_PER_USEC)
/* A worker that comes late may make up for so much. */
#define PACE_CREDIT_NS	(100 * NSEC_PER_MSEC)
/* How many clusters are searched under the lock at a time. */
#define SCAN_CLUSTERS	BIT(18)

/* How many steps the front worker takes under the lock in one go. */
#define BATCH_STEPS	64

/*
 * A program whose write would be one more than so many that somebody waits for
 * waits in map(), but no longer than that: others may wait for it to return.
 */
#define URGENT_MAX	1024
#define URGENT_PATIENCE	HZ

enum outcome { OUT_OF_WORK, CLAIMED, LOOK_ON, NO_ROOM };

/* Clusters taken, and a copy for them or leave to allocate one. */
struct claim {
	u64 first;
	u64 nr;
	u64 wanted;
	u64 bytes;
	u64 charge;
	bool foreground;
	bool alone;
	u64 closings;
	struct copy *copy;
};

/*
 * What comes out from under the lock, to be dealt with after. A @claim without
 * a copy is to get memory first. With the job's last copy goes a reference,
 * after the job has been looked at once more.
 */
struct batch {
	unsigned int steps;
	struct job_bios bios;
	struct list_head reads;
	unsigned int nr_reads;
	struct list_head spent;
	struct claim claim;
	unsigned int refs;
};

void job_bios_init(struct job_bios *bios)
{
	bio_list_init(&bios->go);
	bio_list_init(&bios->fail);
	INIT_LIST_HEAD(&bios->all_go);
	INIT_LIST_HEAD(&bios->all_fail);
	bios->status = BLK_STS_OK;
}

static void list_bios(struct list_head *writers, struct bio_list *to)
{
	struct writer *writer;

	list_for_each_entry(writer, writers, age)
		bio_list_add(to, writers_bio(writer));
}

void job_bios_fail(struct job_bios *bios, struct bio_list *list,
		   blk_status_t status)
{
	struct bio *bio;

	bio_list_for_each(bio, list)
		bio->bi_status = status;
	bio_list_merge(&bios->fail, list);
}

static void fail_all(struct job_bios *bios)
{
	struct bio_list list = BIO_EMPTY_LIST;

	list_bios(&bios->all_fail, &list);
	job_bios_fail(bios, &list, bios->status);
}

static void send_on(struct bio_list *bios, struct blk_plug *plug)
{
	unsigned int nth = 0, nr = bio_list_size(bios);
	struct bio *bio;

	while ((bio = bio_list_pop(bios))) {
		if (plug)
			job_expect(plug, nth++, nr);
		dm_submit_bio_remap(bio, NULL);
	}
}

/* A suspend waits for who is in map(), and cannot be interrupted then. */
static bool has_room(const struct job *job, unsigned int max)
{
	return READ_ONCE(job->writers.nr_urgent) < max ||
	       !READ_ONCE(job->guarding) || READ_ONCE(job->halted);
}

void job_bios_send(struct job *job, struct job_bios *bios,
		   struct blk_plug *plug)
{
	struct bio *bio;

	if (!list_empty(&bios->all_go))
		list_bios(&bios->all_go, &bios->go);
	if (!list_empty(&bios->all_fail))
		fail_all(bios);
	send_on(&bios->go, plug);
	while ((bio = bio_list_pop(&bios->fail)))
		bio_endio(bio);
	if (wq_has_sleeper(&job->room) && has_room(job, URGENT_MAX / 4 * 3))
		wake_up_all(&job->room);
}

void job_kick(struct job *job)
{
	queue_work(job->front_wq, &job->front);
}

static u64 clusters_in(const struct job *job, u64 bytes)
{
	return max_t(u64, bytes >> (job->place.shift + SECTOR_SHIFT), 1);
}

static void await_tick(struct job *job, u64 ns)
{
	hrtimer_start(&job->tick, ns_to_ktime(min_t(u64, ns, KTIME_MAX)),
		      HRTIMER_MODE_REL);
}

/*--------------------------------- claiming --------------------------------*/

static void set_length(struct job *job, struct claim *claim, u64 nr)
{
	u64 sectors = clusters_sectors(&job->clusters, claim->first, nr);

	claim->nr = nr;
	claim->bytes = min_t(u64, sectors << SECTOR_SHIFT, COPY_MAX_BYTES);
}

static bool take_stock(struct job *job, struct claim *claim, u64 bytes)
{
	claim->copy = copy_stock_take(&job->stock, bytes);
	return claim->copy;
}

static bool try_charge(struct job *job, struct claim *claim)
{
	claim->charge = copy_cost(claim->bytes);
	if (!job->dry && copy_charge(claim->charge, job->held, claim->foreground))
		return true;
	claim->charge = 0;
	return false;
}

/* A writer is not to wait for the background to have done with it. */
static bool take_spare(struct job *job, struct claim *claim)
{
	if (job->spare_busy ||
	    (!claim->foreground && (job->inflight || job->writers.nr)))
		return false;
	job->spare_busy = true;
	claim->copy = job->spare;
	return true;
}

/* Memory for all @nr clusters, or else for one, or for a piece at a time. */
static bool find_memory(struct job *job, struct claim *claim, u64 nr)
{
	set_length(job, claim, nr);
	if (take_stock(job, claim, claim->bytes) || try_charge(job, claim))
		return true;
	set_length(job, claim, 1);
	return take_stock(job, claim, 0) || try_charge(job, claim) ||
	       take_spare(job, claim);
}

static void use_up_speed(struct job *job, const struct claim *claim)
{
	u64 sectors;

	if (!job->opts.speed)
		return;
	sectors = clusters_sectors(&job->clusters, claim->first, claim->nr);
	job->paced_until += div64_u64((sectors << SECTOR_SHIFT) * NSEC_PER_SEC,
				      job->opts.speed);
}

/* Return: what tells afterwards whether a guard was held meanwhile. */
static u64 begin_read(struct job *job, bool foreground)
{
	job->reads++;
	job->background_reads += !foreground;
	return job->closings;
}

/* Claims all or, if memory is short, one of @nr clusters to be copied. */
static bool claim_run(struct job *job, struct claim *claim, u64 first, u64 nr,
		      bool foreground)
{
	*claim = (struct claim){ .first = first, .foreground = foreground };
	if (!find_memory(job, claim, nr))
		return false;
	WARN_ON_ONCE(clusters_claim(&job->clusters, first, claim->nr));
	use_up_speed(job, claim);
	job->held += claim->charge;
	job->background += !foreground;
	if (!job->inflight++)
		job_get(job);
	claim->closings = begin_read(job, foreground);
	return true;
}

/* What is in stock is for the next copy, but not for ever. */
static void trim_later(struct job *job)
{
	if (!job->inflight && job->stock.nr)
		queue_delayed_work(job->front_wq, &job->trim, HZ);
}

/* A copy is no longer in flight. Return: true if it was the last one. */
static bool forget(struct job *job, bool foreground)
{
	job->background -= !foreground;
	job->dry = false;
	if (--job->inflight)
		return false;
	wake_up(&job->idle);
	return true;
}

static void end_read(struct job *job, bool foreground)
{
	job->background_reads -= !foreground;
	job->reads--;
	if (job->halted && !(job->reads && job->background_reads))
		wake_up(&job->idle);
}

/* No memory for what was claimed: the spare copy, or wait for one to end. */
static struct copy *fall_back(struct job *job, struct claim *claim,
			      unsigned int *refs)
{
	bool spare;

	copy_uncharge(claim->charge);
	spin_lock_irq(&job->lock);
	job->held -= claim->charge;
	claim->charge = 0;
	spare = take_spare(job, claim);
	if (!spare) {
		clusters_revert(&job->clusters, claim->first, claim->nr);
		writers_wake(&job->writers, claim->first, claim->nr, false);
		end_read(job, claim->foreground);
		*refs += forget(job, claim->foreground);
		job->dry = true;
		trim_later(job);
	}
	spin_unlock_irq(&job->lock);
	return spare ? job->spare : NULL;
}

/*--------------------------------- reading ---------------------------------*/

/**
 * bcow_finish - declare done what is not yet done of clusters that were claimed
 * @job: the job
 * @first: the first one
 * @end: one past the last one
 */
void bcow_finish(struct job *job, u64 first, u64 end)
{
	struct clusters *clusters = &job->clusters;
	u64 at = first;

	if (clusters_finish(clusters, first, end - first))
		while ((at = clusters_next_undone(clusters, at, end)) < end)
			clusters_finish(clusters, at++, 1);
	writers_wake(&job->writers, first, end - first, false);
}

/*
 * The old data of these clusters of the copy is in memory, so write-behind
 * releases their writers. Only what writers ask for is declared done: an error
 * of it breaks the snapshot.
 */
static void declare_early(struct job *job, struct copy *copy, u64 from, u64 end)
{
	u64 before = job->clusters.nr_done;

	end = min(end, copy->first + copy->nr);
	if (from < end)
		bcow_finish(job, from, end);
	copy->early += job->clusters.nr_done - before;
	if (copy->early == copy->nr)
		list_del_init(&copy->resident);
}

/* Whoever empties a queue has been told so by the first one to enter it. */
void job_to_sink(struct job *job, struct copy *copy)
{
	if (list_empty(&job->arrived))
		queue_work(job->sink_wq, &job->sink);
	list_add_tail(&copy->node, &job->arrived);
	job->nr_arrived++;
}

void job_to_front(struct job *job, struct copy *copy)
{
	if (list_empty(&job->ended))
		job_kick(job);
	list_add_tail(&copy->node, &job->ended);
}

static void take_in(struct job *job, struct copy *copy)
{
	if (job->opts.on_cbw_error == CBW_BREAK_SNAPSHOT && copy_is_whole(copy)) {
		list_add_tail(&copy->resident, &job->resident);
		declare_early(job, copy, copy->first,
			      copy->first + copy->wanted);
		writers_wake(&job->writers, copy->first, copy->nr, false);
	}
	job_to_sink(job, copy);
}

static void read_ended(struct bio *bio)
{
	struct copy *copy = bio->bi_private;
	struct job *job = copy->job;
	unsigned long flags;

	copy->error = blk_status_to_errno(bio->bi_status);
	spin_lock_irqsave(&job->lock, flags);
	end_read(job, copy->foreground);
	copy->stale = copy->closings != job->closings;
	if (!copy->error && !job->guarding)
		copy->error = -ECANCELED;
	if (copy->error || copy->stale)
		job_to_front(job, copy);
	else
		take_in(job, copy);
	if (writers_to_do(&job->writers))
		job_kick(job);
	spin_unlock_irqrestore(&job->lock, flags);
}

static void read_piece(struct copy *copy)
{
	struct job *job = copy->job;

	copy->piece = min_t(sector_t, copy->end - copy->at, copy_room(copy));
	copy->written = 0;
	copy->span = copy->piece;
	copy->step = STEP_LOOK;
	copy->reading = true;
	copy_submit(copy, job->origin, job->start + copy->at,
		    REQ_OP_READ | copy->flags |
		    (copy->foreground ? REQ_SYNC : 0), read_ended);
}

/* The copy is the claim's from now on. */
static void fill(struct job *job, const struct claim *claim, struct copy *copy)
{
	INIT_LIST_HEAD(&copy->resident);
	copy->job = job;
	copy->first = claim->first;
	copy->nr = claim->nr;
	copy->wanted = claim->wanted;
	copy->early = 0;
	copy->at = claim->first << job->place.shift;
	copy->end = copy->at + clusters_sectors(&job->clusters, claim->first,
						claim->nr);
	copy->foreground = claim->foreground;
	copy->flags = claim->alone ? REQ_NOMERGE : 0;
	copy->later = false;
	copy->careful = false;
	copy->closings = claim->closings;
	copy->stale = false;
	copy->error = 0;
}

static void allocate_and_read(struct job *job, struct claim *claim,
			      unsigned int *refs)
{
	struct copy *copy;

	copy = copy_alloc(claim->bytes, GFP_NOIO | __GFP_NORETRY);
	if (!copy)
		copy = fall_back(job, claim, refs);
	if (!copy)
		return;
	copy->charged += claim->charge;
	fill(job, claim, copy);
	read_piece(copy);
}

/*--------------------------------- settling --------------------------------*/

static void settle_failed(struct job *job, struct copy *copy,
			  struct job_bios *bios)
{
	bool pass_over = copy->foreground;

	clusters_revert(&job->clusters, copy->first, copy->nr);
	if (copy->error && copy->foreground)
		job_writers_failed(job, copy, bios);
	else if (copy->error)
		pass_over = job_background_failed(job, copy, bios);
	if (!pass_over)
		job->cursor = min(job->cursor, copy->first);
	writers_wake(&job->writers, copy->first, copy->nr, false);
}

/*
 * A suspended device, or one that nothing guards, is not read from, and while
 * one is about to be suspended, for writers only.
 */
static bool may_read(const struct job *job, bool foreground)
{
	if (job->detached || job->watched.closed)
		return false;
	return foreground || !job->halted;
}

/* What was read is dropped, and so is what went wrong: it is read again. */
static void drop_stale(struct job *job, struct copy *copy,
		       struct job_bios *bios)
{
	copy->error = 0;
	settle_failed(job, copy, bios);
	bcow_judge_lost(job, bios);
}

/*
 * A cluster that could not be written. Return: false if a writer has passed it,
 * so that it is lost; any other is to be copied again, and alone.
 */
static bool give_back(struct job *job, u64 cluster)
{
	if (clusters_revert(&job->clusters, cluster, 1))
		return false;
	job->cursor = min(job->cursor, cluster);
	job->careful_until = max(job->careful_until, cluster + 1);
	writers_wake(&job->writers, cluster, 1, false);
	return true;
}

/*
 * A copy of which some clusters were declared early could not be written. It is
 * written again cluster by cluster, since the others may be those that failed.
 * Return: false if the copy is over.
 */
static bool write_carefully(struct job *job, struct copy *copy)
{
	if (!copy->error || !copy->early || copy->nr == 1 || !job->guarding)
		return false;
	if (copy->careful) {
		if (!give_back(job, copy->first +
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
	job_to_sink(job, copy);
	return true;
}

/* Return: true if another piece is to follow. */
static bool settle_copy(struct job *job, struct copy *copy,
			struct job_bios *bios)
{
	if (copy->early && copy->error) {
		job_break(job, copy->error, bios);
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

/* A copy has ended. */
static void put_away(struct job *job, struct copy *copy, struct batch *batch)
{
	batch->refs += forget(job, copy->foreground);
	if (copy == job->spare) {
		job->spare_busy = false;
	} else if (!copy_stock_keep(&job->stock, copy)) {
		job->held -= copy->charged;
		list_add(&copy->node, &batch->spent);
	}
	trim_later(job);
}

static void to_read(struct batch *batch, struct copy *copy)
{
	list_add_tail(&copy->node, &batch->reads);
	batch->nr_reads++;
}

static void settle(struct job *job, struct copy *copy, struct batch *batch)
{
	list_del_init(&copy->resident);
	if (write_carefully(job, copy))
		return;
	if (settle_copy(job, copy, &batch->bios))
		to_read(batch, copy);
	else
		put_away(job, copy, batch);
}

/*--------------------------------- planning --------------------------------*/

/*
 * Write-behind: the cluster may be in memory already, read in the background or
 * ahead of the writer. The newest copy is the likeliest.
 */
static bool declare_resident(struct job *job, u64 cluster, u64 end)
{
	struct copy *copy;

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

/* Writers behind one another in the queue often are so on the device too. */
static u64 followed_until(struct job *job, struct writer *writer, u64 end)
{
	while ((writer = writers_after(&job->writers, writer)) &&
	       writer->next == end && !writer->careful)
		end = writer->end;
	return end;
}

/* Where what writers ask for ends, for a copy that begins at @first. */
static u64 wanted_until(struct job *job, struct writer *writer, u64 first,
			bool starved)
{
	u64 end = writer->end;

	if (writer->careful)
		return first + 1;
	if (!starved)
		end = followed_until(job, writer, end);
	return min(end, first + clusters_in(job, COPY_MAX_BYTES));
}

/*
 * Where a copy for a writer ends. A full backup needs every cluster anyway,
 * so for one who writes in sequence ever more are copied in one go.
 */
static u64 foreground_end(struct job *job, const struct writer *writer,
			  u64 first, u64 end)
{
	if (job->opts.sync != SYNC_FULL || writer->careful)
		return end;
	if (first == job->sequel)
		job->ahead = min(2 * job->ahead, clusters_in(job, AHEAD_BYTES));
	else
		job->ahead = 1;
	return max(end, first + job->ahead);
}

/* What does a writer need? */
static enum outcome look_at(struct job *job, struct writer *writer,
			    bool starved, struct claim *claim,
			    struct job_bios *bios)
{
	struct clusters *clusters = &job->clusters;
	u64 first, stop, end, nr;
	u64 next = clusters_next_undone(clusters, writer->next, writer->end);

	if (next == writer->end) {
		writers_take(&job->writers, writer, &bios->go);
		return LOOK_ON;
	}
	writers_await(&job->writers, writer, next);
	if (declare_resident(job, next, writer->end))
		return LOOK_ON;
	stop = min(writer->end, next + clusters_in(job, WINDOW_BYTES));
	first = clusters_next_to_copy(clusters, next, stop);
	if (first == stop) {
		list_del_init(&writer->todo);
		return LOOK_ON;
	}
	end = wanted_until(job, writer, first, starved);
	nr = clusters_run(clusters, first,
			  foreground_end(job, writer, first, end));
	if (!claim_run(job, claim, first, nr, true))
		return NO_ROOM;
	claim->wanted = min(claim->nr, end - first);
	claim->alone = first != job->sequel;
	job->sequel = first + claim->nr;
	return CLAIMED;
}

/* Those that found no memory come first, unless there still is none. */
static enum outcome plan_foreground(struct job *job, struct batch *batch)
{
	struct writers *writers = &job->writers;
	enum outcome outcome = LOOK_ON;
	struct writer *writer;
	bool no_room = false, starved;

	while (batch->steps && outcome != CLAIMED) {
		batch->steps--;
		writer = list_first_entry_or_null(&writers->starved,
						  struct writer, todo);
		starved = writer && !no_room;
		if (!starved)
			writer = writers_next(writers);
		if (!writer)
			return OUT_OF_WORK;
		outcome = look_at(job, writer, starved, &batch->claim,
				  &batch->bios);
		if (outcome == NO_ROOM) {
			no_room = true;
			if (!starved)
				writers_starve(writers, writer);
		}
	}
	return outcome;
}

/* Has somebody else used the device since this was last asked? */
static bool device_is_used(struct job *job)
{
	struct block_device *part = job->disk->part0;
	long inflight = job->writers.nr;
	u64 ios = 0;
	int cpu;

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
 * A device that answers at once is never seen with anything in flight, and a
 * background that runs whenever nothing is would leave its users no processor.
 */
static bool device_is_busy(struct job *job, u64 now)
{
	if (now >= job->busy_until && device_is_used(job))
		job->busy_until = now + POLITE_NS;
	return now < job->busy_until;
}

/* May the background go on now? If only later, it will be woken. */
static bool background_is_due(struct job *job, u64 now, bool busy)
{
	u64 due = job->retry_at;

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

/* Only a copy of whole units of a thin destination leaves those of zeroes out. */
static u64 end_with_unit(const struct job *job, u64 first, u64 nr)
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

static u64 background_clusters(struct job *job, u64 first, bool busy)
{
	u64 bytes = busy ? POLITE_BYTES : COPY_MAX_BYTES;

	if (first < job->careful_until)
		return 1;
	if (job->opts.speed)
		bytes = min(bytes, job->opts.speed / 16);
	return end_with_unit(job, first, clusters_in(job, bytes));
}

static enum outcome plan_background(struct job *job, struct claim *claim)
{
	struct clusters *clusters = &job->clusters;
	u64 first, stop, nr, now;
	bool busy;

	if (job->state != JOB_RUNNING || job->opts.sync != SYNC_FULL ||
	    !may_read(job, false) || job->background >= job->opts.max_workers ||
	    clusters->nr_done + clusters->nr_busy == clusters->nr)
		return OUT_OF_WORK;
	if (job->cursor >= clusters->nr)
		job_begin_again(job);
	now = ktime_get_ns();
	busy = device_is_busy(job, now);
	if ((busy && job->background) || !background_is_due(job, now, busy))
		return OUT_OF_WORK;
	stop = min_t(u64, job->cursor + SCAN_CLUSTERS, clusters->nr);
	first = clusters_next_to_copy(clusters, job->cursor, stop);
	job->cursor = first;
	if (first == stop)
		return LOOK_ON;
	nr = clusters_run(clusters, first,
			  first + background_clusters(job, first, busy));
	if (!claim_run(job, claim, first, nr, false))
		return OUT_OF_WORK;
	job->cursor = first + claim->nr;
	job->polite_at = now + POLITE_NS;
	return CLAIMED;
}

static enum outcome plan_one(struct job *job, struct batch *batch)
{
	enum outcome outcome = plan_foreground(job, batch);

	if (outcome == OUT_OF_WORK)
		outcome = plan_background(job, &batch->claim);
	return outcome;
}

/* Claims until a claim wants memory to be allocated first. */
static enum outcome plan(struct job *job, struct batch *batch)
{
	struct claim *claim = &batch->claim;
	enum outcome outcome;

	if (!may_read(job, true))
		return OUT_OF_WORK;
	do {
		outcome = plan_one(job, batch);
		if (outcome != CLAIMED)
			continue;
		if (!claim->copy)
			return CLAIMED;
		fill(job, claim, claim->copy);
		to_read(batch, claim->copy);
	} while (outcome != OUT_OF_WORK && batch->steps);
	return outcome == OUT_OF_WORK ? OUT_OF_WORK : LOOK_ON;
}

static void batch_init(struct batch *batch)
{
	batch->steps = BATCH_STEPS;
	job_bios_init(&batch->bios);
	INIT_LIST_HEAD(&batch->reads);
	batch->nr_reads = 0;
	INIT_LIST_HEAD(&batch->spent);
}

static void do_locked(struct job *job, struct batch *batch,
		      enum outcome *outcome)
{
	struct copy *copy;

	*outcome = LOOK_ON;
	spin_lock_irq(&job->lock);
	while (batch->steps && !list_empty(&job->ended)) {
		batch->steps--;
		copy = list_first_entry(&job->ended, struct copy, node);
		list_del(&copy->node);
		settle(job, copy, batch);
	}
	if (batch->steps)
		*outcome = plan(job, batch);
	spin_unlock_irq(&job->lock);
}

static void do_unlocked(struct job *job, struct batch *batch,
			struct blk_plug *plug)
{
	struct copy *copy, *next;
	unsigned int nth = 0;

	job_bios_send(job, &batch->bios, plug);
	list_for_each_entry_safe(copy, next, &batch->reads, node) {
		job_expect(plug, nth++, batch->nr_reads);
		read_piece(copy);
	}
	list_for_each_entry_safe(copy, next, &batch->spent, node)
		copy_free(copy);
}

void job_front(struct work_struct *work)
{
	struct job *job = container_of(work, struct job, front);
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
	job_check_end(job);
	while (batch.refs--)
		job_put_later(job);
}

void job_trim(struct work_struct *work)
{
	struct job *job = container_of(to_delayed_work(work), struct job, trim);
	struct copy *copy;

	do {
		spin_lock_irq(&job->lock);
		copy = NULL;
		if (!job->inflight)
			copy = copy_stock_take(&job->stock, 0);
		if (copy)
			job->held -= copy->charged;
		spin_unlock_irq(&job->lock);
		if (copy)
			copy_free(copy);
	} while (copy);
}

enum hrtimer_restart job_tick(struct hrtimer *tick)
{
	job_kick(container_of(tick, struct job, tick));
	return HRTIMER_NORESTART;
}

/*--------------------------------- writers ---------------------------------*/

/* Is all that a write needs in memory already, and so done as of now? */
static bool is_resident(struct job *job, u64 first, u64 end)
{
	bool all = !list_empty(&job->resident);

	while (all && (first = clusters_next_undone(&job->clusters, first,
						    end)) < end)
		all = declare_resident(job, first, end);
	if (writers_to_do(&job->writers))
		job_kick(job);
	return all;
}

/*
 * So a flood stays with those who make it. The writeback of the page cache comes
 * from kernel threads, which others depend on, and is no hurry; swap frees memory.
 */
static void await_room(struct job *job, const struct bio *bio)
{
	if (!writers_urgent(bio) || bio->bi_opf & (REQ_NOWAIT | REQ_SWAP) ||
	    current->flags & PF_KTHREAD)
		return;
	wait_event_timeout(job->room, has_room(job, URGENT_MAX),
			   URGENT_PATIENCE);
}

/**
 * job_park - a write meets clusters that are not done
 * @job: the job
 * @ti: the live target
 * @bio: the write, already pointed at the origin
 * @sector: where it begins, from the beginning of the target
 *
 * May sleep for a second while too many wait. Return: what map() is to return.
 */
int job_park(struct job *job, struct dm_target *ti, struct bio *bio,
	     sector_t sector)
{
	unsigned int shift = job->place.shift;
	u64 last = (sector + bio_sectors(bio) - 1) >> shift;
	int r = DM_MAPIO_SUBMITTED;

	await_room(job, bio);
	spin_lock_irq(&job->lock);
	if (job_lets_pass(job, sector, bio_sectors(bio))) {
		r = DM_MAPIO_REMAPPED;
	} else if (job->pushback && dm_noflush_suspending(ti)) {
		r = DM_MAPIO_REQUEUE;
	} else if (is_resident(job, sector >> shift, last + 1)) {
		r = DM_MAPIO_REMAPPED;
	} else {
		writers_park(&job->writers, bio, sector >> shift, last + 1);
		if (job->opts.cbw_timeout)
			queue_delayed_work(job->front_wq, &job->deadline,
					   job->opts.cbw_timeout * HZ);
		job_kick(job);
	}
	spin_unlock_irq(&job->lock);
	return r;
}

/* Has the writer that came first waited too long? */
static bool expired(struct job *job, struct writer *writer)
{
	unsigned long timeout = job->opts.cbw_timeout * HZ;

	return timeout && time_after_eq(jiffies, writer->since + timeout);
}

/* A younger one may have set the clock, which must not go by that. */
static void watch(struct job *job, const struct writer *oldest)
{
	unsigned long at = oldest->since + job->opts.cbw_timeout * HZ;

	if (job->opts.cbw_timeout)
		mod_delayed_work(job->front_wq, &job->deadline,
				 time_after(at, jiffies) ? at - jiffies : 0);
}

void job_deadline(struct work_struct *work)
{
	struct job *job = container_of(to_delayed_work(work), struct job,
				       deadline);
	struct bio_list failed = BIO_EMPTY_LIST;
	struct job_bios bios;
	struct writer *writer;

	job_bios_init(&bios);
	spin_lock_irq(&job->lock);
	while ((writer = writers_oldest(&job->writers)) && expired(job, writer)) {
		if (job->opts.on_cbw_error == CBW_BREAK_SNAPSHOT)
			job_break(job, -ETIMEDOUT, &bios);
		else
			writers_take(&job->writers, writer, &failed);
	}
	bcow_writes_failed(job, bio_list_size(&failed), false, -ETIMEDOUT);
	job_bios_fail(&bios, &failed, BLK_STS_TIMEOUT);
	if (writer)
		watch(job, writer);
	spin_unlock_irq(&job->lock);
	job_bios_send(job, &bios, NULL);
}
