// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lifetime of a job. A constructor creates it and does everything that can
 * fail; the first resume of its table arms it, and tables pass it on by
 * reference. Cancel, failure and completion only change its state; it remains
 * for queries until a table without it, or with another, is resumed in its
 * place.
 *
 * A destination may hang forever and must never block the origin. So the job
 * has its own handle of the destination, in addition to that of its tables
 * through dm, and each copy in flight holds a reference to the job and thereby
 * to the module. Destroying a table does not wait for the destination: the last
 * copy to complete frees the job. The origin is different: it is used through
 * the live table, and postsuspend waits for the reads in flight, as dm itself
 * waits for every bio that it has sent there.
 *
 * Locking: see struct bcow_job and copier.c; jobs_lock guards the list of all
 * jobs and is taken before a job's own lock. bcow_job_put() may sleep; the
 * front worker uses bcow_job_put_later() instead, since a job cannot be freed
 * from its own work.
 */
#include <linux/blkdev.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "job.h"

/* How long destroying a table waits for copies in flight. */
#define LINGER	(2 * HZ)

static struct workqueue_struct *bcow_reaper_wq;

static const char * const sync_words[] = { "full", "none", "bitmap", NULL };
static const char * const cbw_words[] = {
	"break-guest-write", "break-snapshot", NULL
};

static const char * const on_error_words[] = {
	"report", "ignore", "enospc", "stop", NULL
};

static const char * const share_words[] = { "off", "on", NULL };
static const char * const zeroes_words[] = { "off", "on", "unmap", NULL };
static const char * const guard_words[] = { "auto", "required", NULL };

/* All jobs, so that no two write to one place. */
static LIST_HEAD(jobs);
static DEFINE_MUTEX(jobs_lock);

#define OPTION(field) .offset = offsetof(struct bcow_options, field)

static const struct qdm_opt bcow_opts[] = {
	{ .name = "sync", OPTION(sync), .words = sync_words },
	{ .name = "on-cbw-error", OPTION(on_cbw_error), .words = cbw_words },
	{ .name = "cbw-timeout", OPTION(cbw_timeout), .max = 1000000 },
	{ .name = "speed", OPTION(speed), .max = S64_MAX },
	{
		.name = "on-source-error", OPTION(on_source_error),
		.words = on_error_words,
	}, {
		.name = "on-target-error", OPTION(on_target_error),
		.words = on_error_words,
	}, {
		.name = "max-workers", OPTION(max_workers),
		.min = 1, .max = 1024, .def = 16,
	}, {
		.name = "detect-zeroes", OPTION(detect_zeroes),
		.words = zeroes_words,
	},
	{ .name = "run", OPTION(run), .max = U64_MAX },
	{ .name = "share", OPTION(share), .words = share_words },
	{ .name = "guard", OPTION(guard), .words = guard_words },
};

const struct qdm_opt_table bcow_option_table = {
	bcow_opts, ARRAY_SIZE(bcow_opts)
};

/*-------------------------- creation and release ---------------------------*/

static void drop_workers(struct bcow_job *job)
{
	if (job->front_wq)
		destroy_workqueue(job->front_wq);
	if (job->sink_wq)
		destroy_workqueue(job->sink_wq);
}

/*
 * Per-CPU and of normal priority: one worker then does all gathered reads, its
 * writes and its releases in turn, where others would alternate with the
 * submitter for each bio. Each job has its own, since one rescuer for two jobs,
 * of which one's origin is the other's device, would have to wait for itself
 * when no memory is left for more workers.
 */
static int get_workers(struct bcow_job *job, struct qdm_why *why)
{
	unsigned int flags = WQ_MEM_RECLAIM | WQ_PERCPU;
	unsigned int major = MAJOR(job->place.target);
	unsigned int minor = MINOR(job->place.target);

	job->front_wq = alloc_workqueue("bcow-%u:%u", flags, 0, major, minor);
	job->sink_wq = alloc_workqueue("bcow-sink-%u:%u", flags, 0, major,
				       minor);
	if (job->front_wq && job->sink_wq)
		return 0;
	drop_workers(job);
	qdm_refuse(why, "no memory for a backup's workers");
	return -ENOMEM;
}

static void bcow_job_free(struct bcow_job *job)
{
	qdm_watch_del(&job->watch);
	mutex_lock(&jobs_lock);
	list_del(&job->all);
	mutex_unlock(&jobs_lock);
	hrtimer_cancel(&job->tick);
	cancel_delayed_work_sync(&job->deadline);
	cancel_delayed_work_sync(&job->tell);
	cancel_work_sync(&job->front);
	cancel_work_sync(&job->sink);
	cancel_delayed_work_sync(&job->trim);
	bcow_trim(&job->trim.work);
	if (job->cache == CACHE_STALE)
		bcow_drop_cache(job);
	drop_workers(job);
	bcow_copy_free(job->spare);
	bdev_fput(job->target_file);
	kvfree(job->words);
	kfree(job);
	module_put(THIS_MODULE);
}

static void bcow_job_reap(struct work_struct *work)
{
	bcow_job_free(container_of(work, struct bcow_job, reaper));
}

static void release_job_later(struct kref *ref)
{
	struct bcow_job *job = container_of(ref, struct bcow_job, ref);

	queue_work(bcow_reaper_wq, &job->reaper);
}

/* The caller must not wait for readers of the destination. */
static void release_job_now(struct kref *ref)
{
	struct bcow_job *job = container_of(ref, struct bcow_job, ref);

	if (job->cache == CACHE_STALE)
		release_job_later(ref);
	else
		bcow_job_free(job);
}

void bcow_job_get(struct bcow_job *job)
{
	kref_get(&job->ref);
}

/* Drops a copy's reference. */
void bcow_job_put_later(struct bcow_job *job)
{
	kref_put(&job->ref, release_job_later);
}

static bool get_watched(struct qdm_watch *watch)
{
	struct bcow_job *job = container_of(watch, struct bcow_job, watch);

	return kref_get_unless_zero(&job->ref);
}

static void put_watched(struct qdm_watch *watch)
{
	bcow_job_put_later(container_of(watch, struct bcow_job, watch));
}

static const struct qdm_watch_ops watch_ops = {
	.owner = THIS_MODULE,
	.tell = bcow_told,
	.settle = bcow_settle,
	.get = get_watched,
	.put = put_watched,
};

/**
 * bcow_drop_later - drop the destination's page cache if it may be stale
 * @job: the job, whose lock is held
 *
 * Return: true if the job concludes after that; a job about to be freed does it
 * then.
 */
bool bcow_drop_later(struct bcow_job *job)
{
	lockdep_assert_held(&job->lock);
	if (job->cache != CACHE_STALE || !kref_get_unless_zero(&job->ref))
		return false;
	job->cache = CACHE_DROPPING;
	job->inflight++;
	queue_work(bcow_reaper_wq, &job->drop);
	return true;
}

static bool is_at_rest(struct bcow_job *job)
{
	enum bcow_job_state state = bcow_job_state(job);

	return state == JOB_CREATED || state == JOB_CONCLUDED;
}

/**
 * bcow_job_put - drop a table's reference
 * @job: the job
 *
 * A released job gets LINGER to conclude, so that in all but the worst case the
 * destination is free on return.
 */
void bcow_job_put(struct bcow_job *job)
{
	if (!READ_ONCE(job->events) &&
	    wait_event_timeout(job->idle, is_at_rest(job), LINGER)) {
		flush_work(&job->front);
		flush_work(&job->drop);
	}
	kref_put(&job->ref, release_job_now);
}

static int open_target(struct bcow_job *job, struct qdm_why *why)
{
	job->target_file = bdev_file_open_by_dev(job->place.target,
						 BLK_OPEN_READ | BLK_OPEN_WRITE,
						 NULL, NULL);
	if (IS_ERR(job->target_file)) {
		qdm_refuse(why, "the target cannot be opened for writing: error %ld",
			   PTR_ERR(job->target_file));
		return PTR_ERR(job->target_file);
	}
	job->target = file_bdev(job->target_file);
	return 0;
}

/* Writes to the destination, or will; an ended job may still do so. */
static bool is_writing(struct bcow_job *job)
{
	bool writing;

	spin_lock_irq(&job->lock);
	writing = job->inflight || (job->state > JOB_CREATED &&
				    job->state < JOB_CONCLUDED);
	spin_unlock_irq(&job->lock);
	return writing;
}

static u64 begin_on_disk(const struct bcow_job *job)
{
	return get_start_sect(job->target) + job->place.start;
}

static bool share_target(const struct bcow_job *a, const struct bcow_job *b)
{
	return a->target->bd_disk == b->target->bd_disk &&
	       begin_on_disk(a) < begin_on_disk(b) + b->place.sectors &&
	       begin_on_disk(b) < begin_on_disk(a) + a->place.sectors;
}

/* Called with jobs_lock held. */
static bool target_is_free(const struct bcow_job *job)
{
	struct bcow_job *other;

	lockdep_assert_held(&jobs_lock);
	list_for_each_entry(other, &jobs, all)
		if (other != job && share_target(job, other) &&
		    is_writing(other))
			return false;
	return true;
}

/* Another job may still begin to write there first: see arm_job(). */
static int enlist_job(struct bcow_job *job, struct qdm_why *why)
{
	int r = 0;

	mutex_lock(&jobs_lock);
	if (target_is_free(job))
		list_add(&job->all, &jobs);
	else
		r = qdm_refuse(why, "the target is in use: another backup writes to it, or one that has ended still waits for it");
	mutex_unlock(&jobs_lock);
	return r;
}

/**
 * bcow_handles - number of handles of a device that jobs have open
 * @target: the device
 */
int bcow_handles(dev_t target)
{
	struct bcow_job *job;
	int nr = 0;

	mutex_lock(&jobs_lock);
	list_for_each_entry(job, &jobs, all)
		nr += job->place.target == target;
	mutex_unlock(&jobs_lock);
	return nr;
}

static int get_memory(struct bcow_job *job, struct qdm_why *why)
{
	u64 bytes = sizeof(u64) *
		    bcow_clusters_words(job->place.sectors, job->place.shift);
	u64 charge = bcow_copy_cost(COPY_MIN_BYTES);

	job->words = kvzalloc(bytes, GFP_KERNEL | __GFP_NOWARN);
	if (!job->words) {
		qdm_refuse(why, "no memory for %llu bytes of cluster states: choose larger clusters",
			   bytes);
		return -ENOMEM;
	}
	if (!bcow_copy_charge(charge, 0, true)) {
		qdm_refuse(why, "the memory allowed by max_copy_memory_mib is in use by other backups");
		goto out_free;
	}
	job->spare = bcow_copy_alloc(COPY_MIN_BYTES, GFP_KERNEL);
	if (!job->spare) {
		qdm_refuse(why, "no memory for a copy");
		bcow_copy_uncharge(charge);
		goto out_free;
	}
	job->spare->charged = charge;
	return 0;

out_free:
	kvfree(job->words);
	return -ENOMEM;
}

static void init_job(struct bcow_job *job, const struct bcow_place *place)
{
	job->place = *place;
	kref_init(&job->ref);
	spin_lock_init(&job->lock);
	job->detached = true;
	job->ahead = 1;
	bcow_deferred_init(&job->deferred);
	INIT_LIST_HEAD(&job->arrived);
	INIT_LIST_HEAD(&job->ended);
	INIT_LIST_HEAD(&job->resident);
	bcow_copy_stock_init(&job->stock);
	init_waitqueue_head(&job->idle);
	init_waitqueue_head(&job->room);
	INIT_WORK(&job->front, bcow_front);
	INIT_WORK(&job->sink, bcow_sink);
	INIT_WORK(&job->reaper, bcow_job_reap);
	INIT_WORK(&job->drop, bcow_drop);
	hrtimer_setup(&job->tick, bcow_tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	INIT_DELAYED_WORK(&job->trim, bcow_trim);
	INIT_DELAYED_WORK(&job->deadline, bcow_deadline);
	INIT_DELAYED_WORK(&job->tell, bcow_tell);
	job->told_at = jiffies - HZ;
}

/**
 * bcow_job_create - create a job that has not begun
 * @place: identity of the backup
 * @why: the reason, if refused
 *
 * Return: the job, with one reference, or an error.
 */
struct bcow_job *bcow_job_create(const struct bcow_place *place,
				 struct qdm_why *why)
{
	struct bcow_job *job = kzalloc(sizeof(*job), GFP_KERNEL);
	int r;

	if (!job) {
		qdm_refuse(why, "no memory for a backup");
		return ERR_PTR(-ENOMEM);
	}
	init_job(job, place);
	qdm_opts_default(&bcow_option_table, &job->opts);
	r = open_target(job, why);
	if (r)
		goto out_free;
	r = get_memory(job, why);
	if (r)
		goto out_close;
	r = get_workers(job, why);
	if (r)
		goto out_memory;
	r = enlist_job(job, why);
	if (r)
		goto out_workers;
	bcow_clusters_init(&job->clusters, job->words, place->sectors,
			   place->shift);
	qdm_watch_add(&job->watch, &watch_ops, place->disk);
	__module_get(THIS_MODULE);
	return job;

out_workers:
	drop_workers(job);
out_memory:
	bcow_copy_free(job->spare);
	kvfree(job->words);
out_close:
	bdev_fput(job->target_file);
out_free:
	kfree(job);
	return ERR_PTR(r);
}

/*------------------------------ tables and suspend -------------------------*/

/*
 * Two tables with the same destination may be loaded before either is resumed.
 * The second job ends before it begins; its device continues without it.
 */
static void arm_job(struct bcow_job *job, bool free, struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	if (!free) {
		bcow_job_end(job, -EBUSY, bios);
		return;
	}
	job->state = JOB_RUNNING;
	WRITE_ONCE(job->guarding, true);
}

/**
 * bcow_job_attach - a table with this job is live; no I/O is in flight yet
 * @job: the job
 * @origin: device that is backed up
 * @start: its first sector
 * @disk: the mapped device
 * @events: raises events
 *
 * The first call is the instant of the snapshot. A table may hold a job that
 * another one has dismissed since: it shows how that job ended, and no event is
 * repeated.
 */
void bcow_job_attach(struct bcow_job *job, struct block_device *origin,
		     sector_t start, struct gendisk *disk,
		     struct qdm_events *events)
{
	struct bcow_bios bios;
	bool free;

	bcow_bios_init(&bios);
	mutex_lock(&jobs_lock);
	free = target_is_free(job);
	spin_lock_irq(&job->lock);
	job->origin = origin;
	job->start = start;
	job->disk = disk;
	if (!job->dismissed)
		job->events = events;
	job->detached = false;
	WRITE_ONCE(job->halted, false);
	job->pushback = false;
	job->paced_until = ktime_get_ns();
	if (job->state == JOB_CREATED)
		arm_job(job, free, &bios);
	bcow_kick(job);
	spin_unlock_irq(&job->lock);
	mutex_unlock(&jobs_lock);
	bcow_bios_send(job, &bios, NULL);
}

/**
 * bcow_job_configure - apply the options of a table
 * @job: the job
 * @opts: the options
 */
void bcow_job_configure(struct bcow_job *job, const struct bcow_options *opts)
{
	spin_lock_irq(&job->lock);
	job->opts = *opts;
	job->paced_until = ktime_get_ns();
	mod_delayed_work(job->front_wq, &job->deadline, 0);
	bcow_kick(job);
	spin_unlock_irq(&job->lock);
}

/**
 * bcow_job_halt - quiesce before a suspend
 * @job: the job
 * @noflush: requeue deferred writes to dm, as the destination may hang
 *
 * Otherwise dm waits for the deferred writes, and their copies continue. Reads
 * that no write needs are waited for here, where I/O still flows, and not when
 * the device is suspended. This wait can be interrupted, as dm's own.
 */
void bcow_job_halt(struct bcow_job *job, bool noflush)
{
	const unsigned int *reads = noflush ? &job->reads :
					      &job->background_reads;
	struct bcow_bios bios;

	bcow_bios_init(&bios);
	bios.status = BLK_STS_DM_REQUEUE;
	spin_lock_irq(&job->lock);
	WRITE_ONCE(job->halted, true);
	if (noflush) {
		job->pushback = true;
		bcow_deferred_take_all(&job->deferred, &bios.all_fail);
	}
	spin_unlock_irq(&job->lock);
	bcow_bios_send(job, &bios, NULL);
	wait_event_interruptible(job->idle, !READ_ONCE(*reads));
}

/**
 * bcow_job_unhalt - undo bcow_job_halt(): no suspend after all
 * @job: the job
 */
void bcow_job_unhalt(struct bcow_job *job)
{
	spin_lock_irq(&job->lock);
	WRITE_ONCE(job->halted, false);
	job->pushback = false;
	bcow_kick(job);
	spin_unlock_irq(&job->lock);
}

/**
 * bcow_job_detach - the device is suspended; on return the origin is not in use
 * @job: the job
 */
void bcow_job_detach(struct bcow_job *job)
{
	spin_lock_irq(&job->lock);
	job->detached = true;
	spin_unlock_irq(&job->lock);
	wait_event(job->idle, !READ_ONCE(job->reads));
}

/* The error that paused it is not why it ends. */
static void cancel_job(struct bcow_job *job, struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	job->cancelled = true;
	job->error = 0;
	bcow_job_end(job, -ECANCELED, bios);
}

/**
 * bcow_job_dismiss - the device releases this job, which ends if it has not
 * @job: the job
 */
void bcow_job_dismiss(struct bcow_job *job)
{
	struct bcow_bios bios;

	bcow_bios_init(&bios);
	spin_lock_irq(&job->lock);
	if (job->state != JOB_CONCLUDED) {
		if (job->state < JOB_ABORTING)
			cancel_job(job, &bios);
		bcow_raise_end(job);
	}
	WRITE_ONCE(job->dismissed, true);
	WRITE_ONCE(job->events, NULL);
	spin_unlock_irq(&job->lock);
	bcow_bios_send(job, &bios, NULL);
}

/**
 * bcow_job_state - state of the job
 * @job: the job
 */
enum bcow_job_state bcow_job_state(struct bcow_job *job)
{
	enum bcow_job_state state;

	spin_lock_irq(&job->lock);
	state = job->state;
	spin_unlock_irq(&job->lock);
	return state;
}

/**
 * bcow_check_options - may a table change the options to these?
 * @job: the job
 * @opts: the options
 * @why: the reason, if not
 *
 * Doing more than announced is allowed, doing less is not.
 */
int bcow_check_options(struct bcow_job *job, const struct bcow_options *opts,
		       struct qdm_why *why)
{
	struct bcow_options now;
	bool over;

	spin_lock_irq(&job->lock);
	now = job->opts;
	over = job->state >= JOB_ABORTING;
	spin_unlock_irq(&job->lock);
	if (!over && now.sync < opts->sync)
		return qdm_refuse(why, "a backup with sync %s is under way, it cannot go on with sync %s: cancel it first",
				  sync_words[now.sync], sync_words[opts->sync]);
	if (!over && now.guard > opts->guard)
		return qdm_refuse(why, "a backup with guard %s is under way, it cannot go on with guard %s: cancel it first",
				  guard_words[now.guard],
				  guard_words[opts->guard]);
	return 0;
}

/*------------------------------ user commands ------------------------------*/

static int refuse_verb(const struct bcow_job *job, const char *verb,
		       struct qdm_why *why)
{
	lockdep_assert_held(&job->lock);
	return qdm_refuse(why, "%s is not possible while the backup is %s",
			  verb, bcow_job_state_name(job->state));
}

/**
 * bcow_job_pause - pause background copying
 * @job: the job
 * @why: the reason, if refused
 */
int bcow_job_pause(struct bcow_job *job, struct qdm_why *why)
{
	int r = 0;

	spin_lock_irq(&job->lock);
	if (job->state == JOB_RUNNING)
		job->state = JOB_PAUSED;
	else
		r = refuse_verb(job, "pause", why);
	spin_unlock_irq(&job->lock);
	return r;
}

/**
 * bcow_job_resume - resume background copying and retry failed clusters
 * @job: the job
 * @why: the reason, if refused
 */
int bcow_job_resume(struct bcow_job *job, struct qdm_why *why)
{
	int r = 0;

	spin_lock_irq(&job->lock);
	if (job->state == JOB_PAUSED) {
		job->state = JOB_RUNNING;
		job->io_status = IO_STATUS_OK;
		job->error = 0;
		job->no_zeroing = false;
		job->paced_until = ktime_get_ns();
		bcow_kick(job);
	} else {
		r = refuse_verb(job, "resume", why);
	}
	spin_unlock_irq(&job->lock);
	return r;
}

/**
 * bcow_job_cancel - end the job, release its writes
 * @job: the job
 * @why: the reason, if refused
 */
int bcow_job_cancel(struct bcow_job *job, struct qdm_why *why)
{
	struct bcow_bios bios;
	int r = 0;

	bcow_bios_init(&bios);
	spin_lock_irq(&job->lock);
	if (job->state < JOB_ABORTING)
		cancel_job(job, &bios);
	else
		r = refuse_verb(job, "cancel", why);
	spin_unlock_irq(&job->lock);
	bcow_bios_send(job, &bios, NULL);
	return r;
}

/**
 * bcow_job_set_speed - limit background copying
 * @job: the job
 * @speed: bytes per second, 0 for no limit
 * @why: the reason, if refused
 */
int bcow_job_set_speed(struct bcow_job *job, u64 speed, struct qdm_why *why)
{
	int r = 0;

	spin_lock_irq(&job->lock);
	if (job->state < JOB_WAITING) {
		job->opts.speed = speed;
		job->paced_until = ktime_get_ns();
		bcow_kick(job);
	} else {
		r = refuse_verb(job, "set-speed", why);
	}
	spin_unlock_irq(&job->lock);
	return r;
}

/*---------------------------------- names ----------------------------------*/

const char *bcow_job_state_name(enum bcow_job_state state)
{
	static const char * const names[] = {
		[JOB_CREATED] = "created",
		[JOB_RUNNING] = "running",
		[JOB_PAUSED] = "paused",
		[JOB_WAITING] = "waiting",
		[JOB_ABORTING] = "aborting",
		[JOB_CONCLUDED] = "concluded",
	};

	return names[state];
}

const char *bcow_io_status_name(enum bcow_io_status status)
{
	static const char * const names[] = {
		[IO_STATUS_OK] = "ok",
		[IO_STATUS_FAILED] = "failed",
		[IO_STATUS_NOSPACE] = "nospace",
	};

	return names[status];
}

struct error_name {
	int error;
	const char *name;
};

#define NAMED(error) { -(error), #error }

/**
 * bcow_error_name - name of an error; '-' for none
 * @error: a negative errno that a block device can return
 */
const char *bcow_error_name(int error)
{
	static const struct error_name names[] = {
		{ 0, "-" },
		NAMED(EIO), NAMED(ENOSPC), NAMED(ETIMEDOUT), NAMED(ECANCELED),
		NAMED(EOPNOTSUPP), NAMED(ENOLINK), NAMED(EREMOTEIO),
		NAMED(EBADE), NAMED(ENODATA), NAMED(EILSEQ), NAMED(ENOMEM),
		NAMED(EBUSY), NAMED(EAGAIN), NAMED(EREMCHG), NAMED(ENODEV),
		NAMED(EINVAL), NAMED(ESTALE),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (names[i].error == error)
			return names[i].name;
	return "EIO";
}

/*---------------------------------- module ---------------------------------*/

/**
 * bcow_jobs_each - call a function for each job
 * @show: called for each, must not sleep for long: no backup can begin or end
 *	meanwhile
 * @to: is passed on
 */
void bcow_jobs_each(void (*show)(struct bcow_job *job, void *to), void *to)
{
	struct bcow_job *job;

	mutex_lock(&jobs_lock);
	list_for_each_entry(job, &jobs, all)
		show(job, to);
	mutex_unlock(&jobs_lock);
}

/**
 * bcow_jobs_exit - at module unload, or to undo part of bcow_jobs_init()
 */
void bcow_jobs_exit(void)
{
	if (bcow_reaper_wq)
		destroy_workqueue(bcow_reaper_wq);
	bcow_copy_exit();
}

/**
 * bcow_jobs_init - at module load
 *
 * Return: 0, or a negative errno.
 */
int bcow_jobs_init(void)
{
	int r = bcow_copy_init();

	if (r)
		return r;
	bcow_reaper_wq = alloc_workqueue("backupcow_reaper", WQ_UNBOUND, 0);
	if (bcow_reaper_wq)
		return 0;
	bcow_jobs_exit();
	return -ENOMEM;
}
