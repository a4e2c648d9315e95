/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A backup job. It is found by its mapped device and outlives the tables that
 * refer to it; its I/O in flight outlives even the device, so that a hung
 * destination blocks nothing but the job.
 *
 *                     +---------+  pause   +--------+
 *     created ------->| running |<-------->| paused |
 *      (in ctr)  first+---------+  resume  +--------+
 *               resume  |     |                 |
 *          all copied   |     | cancel, error,  | cancel, snapshot broken
 *                       v     v snapshot broken v
 *               +---------+  +-----------------------+
 *               | waiting |  |       aborting        |
 *               +---------+  +-----------------------+
 *   destination flushed |     |  nothing in flight
 *                       v     v
 *                     +-----------+
 *                     | concluded |
 *                     +-----------+
 *
 * transition              performed by
 * created -> running      arm_job(), at the first resume
 * created -> aborting     arm_job(), if another backup writes to that place;
 *                         bcow_job_end(), if its table is never resumed
 * running -> paused       bcow_job_pause(); pause_on_error() in policy.c
 * paused -> running       bcow_job_resume()
 * running -> waiting      begin_flush() in policy.c, from bcow_check_end()
 * any of them -> aborting bcow_job_end() in policy.c, from cancel_job(),
 *                         bcow_job_break(), bcow_background_failed() and
 *                         flush_failed()
 * waiting -> concluded    conclude_job() in policy.c, from bcow_check_end()
 * aborting -> concluded   conclude_job() in policy.c, from bcow_check_end()
 *
 * Invariants, while the lock is not held:
 *
 * J1. A state changes only to a later one in enum bcow_job_state, except
 *     between running and paused, in both directions.
 * J2. @guarding is set only in the states running, paused and waiting, and is
 *     never set again once cleared.
 * J3. While @inflight is not 0, the copies, the flush and the page cache drop
 *     that it counts hold references to the job: one for all the copies, one
 *     for each of the others.
 * J4. @background_reads <= @background, @reads <= @inflight: each read is that
 *     of a copy in flight.
 * J5. In the state concluded @inflight is 0.
 * J6. Each transition to aborting removes all deferred writes in the same
 *     critical section, so that none waits for a copy that is never made.
 *
 * Barrier: wq_has_sleeper() in bcow_bios_send() pairs with the one in
 * wait_event_timeout() in await_room(): either the sender sees the sleeper on
 * @room, or the sleeper sees that there is room.
 */
#ifndef BACKUPCOW_JOB_H
#define BACKUPCOW_JOB_H

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/hrtimer.h>
#include <linux/kref.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "args.h"
#include "clusters.h"
#include "copy.h"
#include "edge.h"
#include "event.h"
#include "deferred.h"

enum bcow_job_state {
	JOB_CREATED,
	JOB_RUNNING,
	JOB_PAUSED,
	JOB_WAITING,
	JOB_ABORTING,
	JOB_CONCLUDED,
};

enum bcow_sync { SYNC_FULL, SYNC_NONE, SYNC_BITMAP };
enum bcow_cbw { CBW_BREAK_GUEST_WRITE, CBW_BREAK_SNAPSHOT };
enum bcow_on_error { ON_ERROR_REPORT, ON_ERROR_IGNORE, ON_ERROR_ENOSPC,
		     ON_ERROR_STOP };
enum bcow_zeroes { ZEROES_OFF, ZEROES_ON, ZEROES_UNMAP };
enum bcow_guard { GUARD_AUTO, GUARD_REQUIRED };
enum bcow_io_status { IO_STATUS_OK, IO_STATUS_FAILED, IO_STATUS_NOSPACE };

enum bcow_flush { FLUSH_NONE, FLUSH_WANTED, FLUSH_SENT, FLUSH_ENDED };

/* The destination's page cache, bypassed by copies. */
enum bcow_cache { CACHE_UNTOUCHED, CACHE_STALE, CACHE_DROPPING, CACHE_DROPPED };

/**
 * struct bcow_options - the options of a table line, in the option table's form
 * @sync: enum bcow_sync
 * @on_cbw_error: enum bcow_cbw
 * @cbw_timeout: seconds, 0 is forever
 * @speed: bytes per second, 0 for no limit
 * @on_source_error: enum bcow_on_error
 * @on_target_error: enum bcow_on_error
 * @max_workers: background copies at a time
 * @detect_zeroes: enum bcow_zeroes
 * @run: which run of the backup this is, see struct bcow_place
 * @share: 1 if others may have the destination open
 * @guard: enum bcow_guard
 */
struct bcow_options {
	u64 sync;
	u64 on_cbw_error;
	u64 cbw_timeout;
	u64 speed;
	u64 on_source_error;
	u64 on_target_error;
	u64 max_workers;
	u64 detect_zeroes;
	u64 run;
	u64 share;
	u64 guard;
};

extern const struct qdm_opt_table bcow_option_table;

/**
 * struct bcow_place - identity of a backup: the same in two table lines
 * @target: the destination
 * @start: its first sector used
 * @sectors: length of the backup
 * @shift: a cluster is 1 << @shift sectors long
 * @run: number that distinguishes it from an earlier backup
 * @owner: mapped device, only compared
 * @disk: its disk, for the same use
 */
struct bcow_place {
	dev_t target;
	sector_t start;
	sector_t sectors;
	unsigned int shift;
	u64 run;
	const struct mapped_device *owner;
	const struct gendisk *disk;
};

/**
 * struct bcow_job - a backup
 *
 * Read without the lock by every write:
 * @guarding: writes to clusters not done are deferred; set at the first resume,
 *	cleared for good when the job ends
 * @clusters: which clusters are done
 *
 * Set once:
 * @place: see there
 * @words: memory of @clusters
 * @target_file: own handle of the destination, open until the job is freed
 * @target: the destination
 * @spare: reserve: preallocated copy, guarantees forward progress
 * @front_wq, @sink_wq: run @front and its timers, and @sink
 * @ref: held by each table, by the device state and by each copy in flight
 *
 * Guarded by @lock, which is taken with interrupts off:
 * @state, @opts, @io_status: as shown in the status
 * @error: first error that ended or stopped the job, or 0
 * @broken: error that broke the snapshot, or 0
 * @cancelled: the job ends because of a cancel
 * @writer_errors: number of writes failed because of uncopied old data
 * @writer_error: first error of these, or 0
 * @untold: last error of these not yet reported by an event, or 0
 * @untold_read: it was an error of the origin
 * @told_at: time of the last such event, in jiffies
 * @watched: state of the guards above the device
 * @closings: number of times they began to forbid reads
 * @ended_unproven: @watched.unproven was set when the job ended
 * @origin, @start: device that is backed up; valid while not @detached
 * @disk: disk of the mapped device, to see how busy it is; as @origin
 * @events: raises events; NULL once the device has released the job
 * @dismissed: the device has released the job, for good
 * @halted: the device is being suspended, background copying is quiesced
 * @pushback: requeue writes instead of deferring them: a noflush suspend
 * @detached: the device is suspended, the origin must not be used
 * @flush: progress of the final flush
 * @flush_error: its error
 * @cache: whether the destination's page cache may be stale
 * @no_zeroing: the destination failed write-zeroes
 * @spare_busy: @spare is in flight
 * @dry: out of memory for copies, wait until one is freed
 * @deferred: deferred writes
 * @arrived: copies read, to be written
 * @nr_arrived: their number
 * @ended: copies that have ended, to be settled
 * @resident: copies with all data in memory and some clusters not declared done
 * @inflight: copies claimed and not freed; plus the flush and the drop of the
 *	destination's page cache
 * @background: number of background copies among them
 * @reads: number of copies that may use the origin
 * @background_reads: number of background copies among these
 * @stock: copies kept for reuse
 * @held: bytes of memory held by copies, including the stock
 * @cursor: next cluster of background copying
 * @sequel: end of the last copy-before-write
 * @ahead: number of clusters to copy together for sequential writes
 * @paced_until: background copying has used its speed until then, in ns
 * @errors: number of ignored errors in this pass of background copying
 * @careful_until: copy clusters before it one at a time
 * @retry_at: end of the wait after ignored errors, in ns
 * @last_report: time of the last report of an ignored error, in ns
 * @ios: number of I/Os of the device at the last check
 * @busy_until: the device counts as busy until then, in ns
 * @polite_at: time of the next background copy if still busy, in ns
 *
 * Others:
 * @all: in the list of all jobs
 * @watch: notified of changes of the guards
 * @idle: woken when @reads, @background_reads or @inflight falls to zero, and
 *	when the job has concluded
 * @room: woken when fewer of @deferred are urgent, or writes need not wait
 * @front: starts copies, settles ended ones, releases deferred writes
 * @sink: writes to the destination; the only work that a hung one can block
 * @tick: wakes @front when speed, a retry or politeness allows more
 * @trim: frees the stock when the job is idle
 * @deadline: checks for writes deferred too long
 * @tell: raises an event for writes that failed
 * @reaper: frees the job when a copy held the last reference
 * @drop: drops the destination's page cache, may wait for its readers
 * @flush_bio: the final flush
 */
struct bcow_job {
	bool guarding;
	struct bcow_clusters clusters;

	struct bcow_place place;
	u64 *words;
	struct file *target_file;
	struct block_device *target;
	struct bcow_copy *spare;
	struct workqueue_struct *front_wq;
	struct workqueue_struct *sink_wq;
	struct kref ref;

	spinlock_t lock; /* guards the fields below */
	enum bcow_job_state state;
	struct bcow_options opts;
	enum bcow_io_status io_status;
	int error;
	int broken;
	bool cancelled;
	u64 writer_errors;
	int writer_error;
	int untold;
	bool untold_read;
	unsigned long told_at;
	struct qdm_guarding watched;
	u64 closings;
	bool ended_unproven;
	struct block_device *origin;
	sector_t start;
	struct gendisk *disk;
	struct qdm_events *events;
	bool dismissed;
	bool halted;
	bool pushback;
	bool detached;
	enum bcow_flush flush;
	int flush_error;
	enum bcow_cache cache;
	bool no_zeroing;
	bool spare_busy;
	bool dry;
	struct bcow_deferred deferred;
	struct list_head arrived;
	unsigned int nr_arrived;
	struct list_head ended;
	struct list_head resident;
	unsigned int inflight;
	unsigned int background;
	unsigned int reads;
	unsigned int background_reads;
	struct bcow_copy_stock stock;
	u64 held;
	u64 cursor;
	u64 sequel;
	u64 ahead;
	u64 paced_until;
	u64 errors;
	u64 careful_until;
	u64 retry_at;
	u64 last_report;
	u64 ios;
	u64 busy_until;
	u64 polite_at;

	struct list_head all;
	struct qdm_watch watch;
	wait_queue_head_t idle;
	wait_queue_head_t room;
	struct work_struct front;
	struct work_struct sink;
	struct hrtimer tick;
	struct delayed_work trim;
	struct delayed_work deadline;
	struct delayed_work tell;
	struct work_struct reaper;
	struct work_struct drop;
	struct bio flush_bio;
};

/**
 * struct bcow_bios - bios collected under the job's lock, processed after
 * @go: to be submitted
 * @fail: to be completed with the status they have
 * @all_go: deferred writes to be submitted
 * @all_fail: deferred writes to be completed with @status
 * @status: for @all_fail
 */
struct bcow_bios {
	struct bio_list go;
	struct bio_list fail;
	struct list_head all_go;
	struct list_head all_fail;
	blk_status_t status;
};

/**
 * struct bcow_job_figures - values for the status, at one instant
 */
struct bcow_job_figures {
	enum bcow_job_state state;
	enum bcow_io_status io_status;
	int error;
	int broken;
	u64 clusters_done;
	u64 clusters;
	u64 bytes_done;
	u64 bytes;
	unsigned int inflight;
	unsigned int writers;
	u64 held;
	u64 writer_errors;
	int writer_error;
	u64 run;
	struct bcow_options opts;
	struct qdm_guarding watched;
};

/* job.c: the job, and operations of users and dm */
int bcow_jobs_init(void);
void bcow_jobs_exit(void);
void bcow_jobs_each(void (*show)(struct bcow_job *job, void *to), void *to);
int bcow_handles(dev_t target);
struct bcow_job *bcow_job_create(const struct bcow_place *place,
				 struct qdm_why *why);
void bcow_job_get(struct bcow_job *job);
void bcow_job_put(struct bcow_job *job);
void bcow_job_attach(struct bcow_job *job, struct block_device *origin,
		     sector_t start, struct gendisk *disk,
		     struct qdm_events *events);
void bcow_job_configure(struct bcow_job *job, const struct bcow_options *opts);
void bcow_job_halt(struct bcow_job *job, bool noflush);
void bcow_job_unhalt(struct bcow_job *job);
void bcow_job_detach(struct bcow_job *job);
void bcow_job_dismiss(struct bcow_job *job);
enum bcow_job_state bcow_job_state(struct bcow_job *job);
int bcow_check_options(struct bcow_job *job, const struct bcow_options *opts,
		       struct qdm_why *why);
int bcow_job_pause(struct bcow_job *job, struct qdm_why *why);
int bcow_job_resume(struct bcow_job *job, struct qdm_why *why);
int bcow_job_cancel(struct bcow_job *job, struct qdm_why *why);
int bcow_job_set_speed(struct bcow_job *job, u64 speed, struct qdm_why *why);
void bcow_job_figures(struct bcow_job *job, struct bcow_job_figures *figures);
const char *bcow_job_state_name(enum bcow_job_state state);
const char *bcow_io_status_name(enum bcow_io_status status);
const char *bcow_error_name(int error);

/* policy.c: handling of errors and ends of jobs; called with the lock held */
void bcow_job_end(struct bcow_job *job, int error, struct bcow_bios *bios);
void bcow_job_break(struct bcow_job *job, int error, struct bcow_bios *bios);
void bcow_foreground_failed(struct bcow_job *job, const struct bcow_copy *copy,
			    struct bcow_bios *bios);
void bcow_writes_failed(struct bcow_job *job, unsigned int nr, bool reading,
			int error);
void bcow_tell(struct work_struct *work); /* without the lock */
bool bcow_background_failed(struct bcow_job *job, const struct bcow_copy *copy,
			    struct bcow_bios *bios);
void bcow_begin_again(struct bcow_job *job);
void bcow_raise_end(struct bcow_job *job);
void bcow_judge_lost(struct bcow_job *job, struct bcow_bios *bios);
void bcow_check_end(struct bcow_job *job); /* without the lock */
void bcow_told(struct qdm_watch *watch, const struct qdm_guarding *state);
void bcow_settle(struct qdm_watch *watch); /* without the lock */

/* copier.c: the data path */
int bcow_park(struct bcow_job *job, struct dm_target *ti, struct bio *bio,
	      sector_t sector);
void bcow_bios_init(struct bcow_bios *bios);
void bcow_bios_fail(struct bcow_bios *bios, struct bio_list *list,
		    blk_status_t status);
void bcow_bios_send(struct bcow_job *job, struct bcow_bios *bios,
		    struct blk_plug *plug);
void bcow_kick(struct bcow_job *job);
/* with the lock held */
void bcow_finish(struct bcow_job *job, u64 first, u64 end);
void bcow_front(struct work_struct *work);
enum hrtimer_restart bcow_tick(struct hrtimer *tick);
void bcow_trim(struct work_struct *work);
void bcow_deadline(struct work_struct *work);
void bcow_job_put_later(struct bcow_job *job);
bool bcow_drop_later(struct bcow_job *job); /* with the lock held */
/* with the lock held */
void bcow_to_sink(struct bcow_job *job, struct bcow_copy *copy);
void bcow_to_front(struct bcow_job *job, struct bcow_copy *copy);

/* destination.c: destination I/O */
void bcow_sink(struct work_struct *work);
void bcow_drop_cache(struct bcow_job *job);
void bcow_drop(struct work_struct *work);
unsigned int bcow_unit(const struct bcow_job *job);
unsigned int bcow_into_unit(const struct bcow_job *job, unsigned int unit,
			    u64 sector);
bool bcow_can_zero(const struct bcow_job *job);

/* Maximum requests announced to a plug in one call. */
#define JOB_EXPECT_MAX	8U

/**
 * bcow_expect - announce the @nth of @nr bios to a plug
 * @plug: the plug
 * @nth: index, from 0
 * @nr: number of bios for the same device
 */
static inline void bcow_expect(struct blk_plug *plug, unsigned int nth,
			       unsigned int nr)
{
	if (!(nth % JOB_EXPECT_MAX))
		qdm_plug_expect(plug, min(nr - nth, JOB_EXPECT_MAX));
}

/**
 * bcow_lets_pass - may a write proceed immediately?
 * @job: the job
 * @sector: first sector, relative to the target
 * @sectors: length, not 0
 *
 * Needs no lock: true is final.
 */
static inline bool bcow_lets_pass(const struct bcow_job *job, sector_t sector,
				  sector_t sectors)
{
	return bcow_clusters_all_done(&job->clusters, sector, sectors) ||
	       !READ_ONCE(job->guarding);
}

#endif /* BACKUPCOW_JOB_H */
