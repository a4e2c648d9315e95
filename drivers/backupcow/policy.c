// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a job ends, and what an error leads to: the two policies of QEMU's
 * backup. Errors of copies that a writer waits for follow on-cbw-error: the
 * write fails and the cluster stays to be copied, or the write goes and the
 * snapshot is broken for good. Errors of background copies follow
 * on-source-error and on-target-error.
 *
 * Locking: job.lock is held, except by bcow_check_end() and by what the registry of
 * edges calls, bcow_told() and bcow_settle(), which take it.
 */
#include "job.h"

#define DM_MSG_PREFIX QDM_TARGET_BACKUPCOW

/* How long the background waits when it has seen many errors in a row. */
#define RETRY_NS	(100 * NSEC_PER_MSEC)
#define MANY_ERRORS	16
/* Ignored errors are reported no more often than this. */
#define REPORT_NS	NSEC_PER_SEC

static const char * const action_names[] = {
	[ON_ERROR_REPORT] = "report",
	[ON_ERROR_IGNORE] = "ignore",
	[ON_ERROR_STOP] = "stop",
};

static void raise_event(struct bcow_job *job, const struct qdm_event *event)
{
	lockdep_assert_held(&job->lock);
	if (job->events)
		qdm_events_raise(job->events, event);
}

static u64 bytes_done(const struct bcow_job *job)
{
	u64 last = job->clusters.nr - 1, sectors;

	lockdep_assert_held(&job->lock);
	sectors = job->clusters.nr_done << job->place.shift;
	if (bcow_clusters_state(&job->clusters, last) == CLUSTER_DONE)
		sectors -= (job->clusters.nr << job->place.shift) -
			   job->place.sectors;
	return sectors << SECTOR_SHIFT;
}

static void raise_error(struct bcow_job *job, const char *action, bool reading,
			int error, const char *policy)
{
	struct qdm_event event;

	lockdep_assert_held(&job->lock);
	qdm_event_start(&event, action);
	qdm_event_key(&event, QDM_KEY_BACKUP_OPERATION "=%s",
		      reading ? "read" : "write");
	qdm_event_key(&event, QDM_KEY_BACKUP_ACTION "=%s", policy);
	qdm_event_key(&event, QDM_KEY_BACKUP_ERROR "=%s",
		      bcow_error_name(error));
	raise_event(job, &event);
}

static void tell_untold(struct bcow_job *job)
{
	lockdep_assert_held(&job->lock);
	if (!job->untold)
		return;
	raise_error(job, QDM_ACTION_BACKUP_IO_ERROR, job->untold_read,
		    job->untold, "report");
	job->untold = 0;
	job->told_at = jiffies;
}

/**
 * bcow_tell - raise an event for the last write that failed
 * @work: the job's @tell
 */
void bcow_tell(struct work_struct *work)
{
	struct bcow_job *job =
		container_of(to_delayed_work(work), struct bcow_job, tell);

	spin_lock_irq(&job->lock);
	tell_untold(job);
	spin_unlock_irq(&job->lock);
}

/**
 * bcow_writes_failed - writes fail because their old data was not copied
 * @job: the job
 * @nr: how many, may be none
 * @reading: the origin could not be read
 * @error: why
 *
 * At most one event a second, and always one for the last of them.
 */
void bcow_writes_failed(struct bcow_job *job, unsigned int nr, bool reading,
			int error)
{
	unsigned long due = job->told_at + HZ;

	lockdep_assert_held(&job->lock);
	if (!nr)
		return;
	job->writer_errors += nr;
	if (!job->writer_error)
		job->writer_error = error;
	job->untold = error;
	job->untold_read = reading;
	queue_delayed_work(job->front_wq, &job->tell,
			   time_after(due, jiffies) ? due - jiffies : 0);
	DMERR_LIMIT("%s: write failed with %s: its old data could not be %s %u:%u",
		    job->disk->disk_name, bcow_error_name(error),
		    reading ? "read for destination" : "copied to destination",
		    MAJOR(job->place.target), MINOR(job->place.target));
}

/**
 * bcow_raise_end - tell that the job is over
 * @job: the job
 */
void bcow_raise_end(struct bcow_job *job)
{
	struct qdm_event event;

	lockdep_assert_held(&job->lock);
	tell_untold(job);
	qdm_event_start(&event, job->cancelled ? QDM_ACTION_BACKUP_CANCELLED :
						 QDM_ACTION_BACKUP_COMPLETED);
	qdm_event_key(&event, QDM_KEY_BACKUP_OFFSET "=%llu", bytes_done(job));
	qdm_event_key(&event, QDM_KEY_BACKUP_LEN "=%llu",
		      (u64)job->place.sectors << SECTOR_SHIFT);
	if (!job->cancelled && job->error)
		qdm_event_key(&event, QDM_KEY_BACKUP_ERROR "=%s",
			      bcow_error_name(job->error));
	raise_event(job, &event);
}

/**
 * bcow_job_end - guard the old data no longer, and conclude when nothing is in flight
 * @job: the job
 * @error: why; the first error is the one that is kept
 * @bios: gets the writers that waited
 */
void bcow_job_end(struct bcow_job *job, int error, struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	if (job->state >= JOB_ABORTING)
		return;
	if (!job->error)
		job->error = error;
	WRITE_ONCE(job->guarding, false);
	job->state = JOB_ABORTING;
	job->ended_unproven = job->watched.unproven;
	bcow_deferred_take_all(&job->deferred, &bios->all_go);
	bcow_kick(job);
}

static void raise_broken(struct bcow_job *job, int error)
{
	struct qdm_event event;

	lockdep_assert_held(&job->lock);
	job->broken = error;
	qdm_event_start(&event, QDM_ACTION_SNAPSHOT_BROKEN);
	qdm_event_key(&event, QDM_KEY_SNAPSHOT_ERROR "=%s",
		      bcow_error_name(error));
	raise_event(job, &event);
}

/**
 * bcow_job_break - the snapshot can no longer be had
 * @job: the job
 * @error: why
 * @bios: gets the writers that waited
 */
void bcow_job_break(struct bcow_job *job, int error, struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	if (job->state >= JOB_ABORTING)
		return;
	raise_broken(job, error);
	bcow_job_end(job, error, bios);
}

/*
 * Is there old data that has not been read, or was read when it may have been
 * old no more? Of a cluster that is busy all may be in memory.
 */
static bool is_worthless(const struct bcow_job *job)
{
	const struct bcow_clusters *clusters = &job->clusters;

	lockdep_assert_held(&job->lock);
	if (job->opts.sync != SYNC_FULL || job->reads ||
	    clusters->nr_done + clusters->nr_busy < clusters->nr)
		return true;
	return job->watched.tainted && job->state < JOB_WAITING;
}

/**
 * bcow_judge_lost - if nothing guards the origin any more, is the backup worth anything?
 * @job: the job
 * @bios: gets the writers that waited
 *
 * What was told of the end may be untrue.
 */
void bcow_judge_lost(struct bcow_job *job, struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	if (!job->watched.lost || job->state == JOB_CREATED)
		return;
	if (job->state < JOB_ABORTING && is_worthless(job))
		bcow_job_break(job, -ESTALE, bios);
	else if (job->ended_unproven && !job->broken)
		raise_broken(job, -ESTALE);
}

/**
 * bcow_told - what the guards above the device allow has changed
 * @watch: the job's
 * @state: what they do
 *
 * What is over keeps what it had, so that the status tells how it was made.
 */
void bcow_told(struct qdm_watch *watch, const struct qdm_guarding *state)
{
	struct bcow_job *job = container_of(watch, struct bcow_job, watch);
	struct qdm_guarding *watched = &job->watched;

	spin_lock_irq(&job->lock);
	job->closings += state->closed && !watched->closed;
	if (job->state != JOB_CONCLUDED)
		*watched = *state;
	watched->lost = state->lost;
	bcow_kick(job);
	spin_unlock_irq(&job->lock);
}

/**
 * bcow_settle - something led past the job
 * @watch: the job's
 */
void bcow_settle(struct qdm_watch *watch)
{
	struct bcow_job *job = container_of(watch, struct bcow_job, watch);
	struct bcow_bios bios;

	bcow_bios_init(&bios);
	spin_lock_irq(&job->lock);
	bcow_judge_lost(job, &bios);
	spin_unlock_irq(&job->lock);
	bcow_bios_send(job, &bios, NULL);
}

/**
 * bcow_foreground_failed - a copy that writers wait for has failed
 * @job: the job
 * @copy: the copy, its clusters reverted
 * @bios: gets the writers that wait no longer
 *
 * One writer's copy may have gone along with another's: copies of several
 * clusters are first tried again one by one, so that an error only meets
 * those whose own cluster it is. Nor does an error of a cluster that no writer
 * waits for break the snapshot.
 */
void bcow_foreground_failed(struct bcow_job *job, const struct bcow_copy *copy,
			    struct bcow_bios *bios)
{
	struct bio_list failed = BIO_EMPTY_LIST;

	lockdep_assert_held(&job->lock);
	if (!job->guarding)
		return;
	if (copy->nr > 1) {
		bcow_deferred_wake(&job->deferred, copy->first, copy->nr, true);
	} else if (job->opts.on_cbw_error == CBW_BREAK_SNAPSHOT) {
		if (bcow_deferred_wait_for(&job->deferred, copy->first))
			bcow_job_break(job, copy->error, bios);
	} else {
		bcow_deferred_take_waiting(&job->deferred, copy->first,
					   &failed);
		bcow_writes_failed(job, bio_list_size(&failed), copy->reading,
				   copy->error);
		bcow_bios_fail(bios, &failed, errno_to_blk_status(copy->error));
	}
}

static enum bcow_on_error resolve_policy(const struct bcow_job *job,
					 bool reading, int error)
{
	enum bcow_on_error policy = reading ? job->opts.on_source_error :
					      job->opts.on_target_error;

	lockdep_assert_held(&job->lock);
	if (policy != ON_ERROR_ENOSPC)
		return policy;
	return error == -ENOSPC ? ON_ERROR_STOP : ON_ERROR_REPORT;
}

static void pause_on_error(struct bcow_job *job, int error)
{
	lockdep_assert_held(&job->lock);
	if (job->state != JOB_RUNNING)
		return;
	job->state = JOB_PAUSED;
	job->io_status = error == -ENOSPC ? IO_STATUS_NOSPACE :
					    IO_STATUS_FAILED;
	job->error = error;
}

/*
 * An error that is ignored must not keep the background from what lies behind.
 * Several clusters that failed together are tried one by one, and a single one
 * again when all the others have had their turn.
 */
static bool pass_over(struct bcow_job *job, const struct bcow_copy *copy,
		      u64 now)
{
	lockdep_assert_held(&job->lock);
	if (copy->nr > 1) {
		job->careful_until = max(job->careful_until,
					 copy->first + copy->nr);
		return false;
	}
	if (!(++job->errors % MANY_ERRORS))
		job->retry_at = now + RETRY_NS;
	return true;
}

/**
 * bcow_begin_again - the background is through and begins from the start
 * @job: the job
 */
void bcow_begin_again(struct bcow_job *job)
{
	lockdep_assert_held(&job->lock);
	job->cursor = 0;
	job->careful_until = 0;
	if (job->errors)
		job->retry_at = ktime_get_ns() + RETRY_NS;
	job->errors = 0;
}

/**
 * bcow_background_failed - a copy of the background has failed
 * @job: the job
 * @copy: the copy, its clusters reverted
 * @bios: gets the writers that wait no longer
 *
 * Return: true if its clusters are to be passed over for now.
 */
bool bcow_background_failed(struct bcow_job *job, const struct bcow_copy *copy,
			    struct bcow_bios *bios)
{
	enum bcow_on_error action =
		resolve_policy(job, copy->reading, copy->error);
	u64 now = ktime_get_ns();

	lockdep_assert_held(&job->lock);
	if (job->state >= JOB_ABORTING)
		return false;
	if (action != ON_ERROR_IGNORE || now - job->last_report > REPORT_NS) {
		job->last_report = now;
		raise_error(job, QDM_ACTION_BACKUP_ERROR, copy->reading,
			    copy->error, action_names[action]);
	}
	switch (action) {
	case ON_ERROR_IGNORE:
		return pass_over(job, copy, now);
	case ON_ERROR_STOP:
		pause_on_error(job, copy->error);
		break;
	default:
		bcow_job_end(job, copy->error, bios);
		break;
	}
	return false;
}

/*
 * The end is reported when a reader of the destination sees what was copied,
 * through the page cache too.
 */
static void conclude_job(struct bcow_job *job)
{
	lockdep_assert_held(&job->lock);
	WRITE_ONCE(job->guarding, false);
	if (bcow_drop_later(job))
		return;
	job->state = JOB_CONCLUDED;
	bcow_raise_end(job);
	wake_up(&job->idle);
}

/* Everything is copied, but the target may still have it in a cache only. */
static void begin_flush(struct bcow_job *job)
{
	lockdep_assert_held(&job->lock);
	job->state = JOB_WAITING;
	job->flush = FLUSH_WANTED;
	job->inflight++;
	bcow_job_get(job);
	queue_work(job->sink_wq, &job->sink);
}

/*
 * A failed flush leaves all data written since the last good one unproven, and
 * a second flush that succeeds says nothing about it: the kernel reports a lost
 * write once. So no policy can make the job end well.
 */
static void flush_failed(struct bcow_job *job, int error,
			 struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	raise_error(job, QDM_ACTION_BACKUP_ERROR, false, error,
		    action_names[ON_ERROR_REPORT]);
	bcow_job_end(job, error, bios);
}

static bool end_flush(struct bcow_job *job, struct bcow_bios *bios)
{
	lockdep_assert_held(&job->lock);
	if (job->flush != FLUSH_ENDED)
		return false;
	job->flush = FLUSH_NONE;
	if (!--job->inflight)
		wake_up(&job->idle);
	if (job->state != JOB_WAITING)
		return true;
	if (job->flush_error)
		flush_failed(job, job->flush_error, bios);
	else
		conclude_job(job);
	return true;
}

/* Nothing is in flight any more, and the end has been reached or decided. */
static bool is_through(const struct bcow_job *job)
{
	lockdep_assert_held(&job->lock);
	if (job->inflight)
		return false;
	return job->state == JOB_ABORTING ||
	       (job->state == JOB_WAITING && job->cache == CACHE_DROPPED);
}

/**
 * bcow_check_end - is the job at its end, or a step nearer to it?
 * @job: the job
 */
void bcow_check_end(struct bcow_job *job)
{
	struct bcow_clusters *clusters = &job->clusters;
	struct bcow_bios bios;
	bool flushed;

	bcow_bios_init(&bios);
	spin_lock_irq(&job->lock);
	flushed = end_flush(job, &bios);
	bcow_judge_lost(job, &bios);
	if (is_through(job))
		conclude_job(job);
	if (job->state == JOB_RUNNING && job->opts.sync == SYNC_FULL &&
	    clusters->nr_done == clusters->nr && !job->inflight &&
	    !job->watched.unproven)
		begin_flush(job);
	spin_unlock_irq(&job->lock);
	bcow_bios_send(job, &bios, NULL);
	if (flushed) {
		bio_uninit(&job->flush_bio);
		bcow_job_put_later(job);
	}
}

/**
 * bcow_job_figures - what the status shows
 * @job: the job
 * @figures: gets it
 */
void bcow_job_figures(struct bcow_job *job, struct bcow_job_figures *figures)
{
	spin_lock_irq(&job->lock);
	*figures = (struct bcow_job_figures){
		.state = job->state,
		.io_status = job->io_status,
		.error = job->error,
		.broken = job->broken,
		.clusters_done = job->clusters.nr_done,
		.clusters = job->clusters.nr,
		.bytes_done = bytes_done(job),
		.bytes = (u64)job->place.sectors << SECTOR_SHIFT,
		.inflight = job->inflight,
		.writers = job->deferred.nr,
		.held = job->held,
		.writer_errors = job->writer_errors,
		.writer_error = job->writer_error,
		.run = job->place.run,
		.opts = job->opts,
		.watched = job->watched,
	};
	spin_unlock_irq(&job->lock);
}
