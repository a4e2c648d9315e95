// SPDX-License-Identifier: GPL-2.0-only
/*
 * How jobs end and handle errors: the two policies of QEMU's backup. Errors of
 * copies that deferred writes wait for follow on-cbw-error: the write fails and
 * the cluster remains to be copied, or the write proceeds and the snapshot is
 * broken for good. Errors of background copies follow on-source-error and
 * on-target-error.
 *
 * Locking: job.lock is held, except by bcow_check_end() and by the callbacks of
 * the edge registry, bcow_told() and bcow_settle(), which take it.
 */
#include "job.h"

#define DM_MSG_PREFIX QDM_TARGET_BACKUPCOW

/* Background copying waits this long after many errors in a row. */
#define RETRY_NS	(100 * NSEC_PER_MSEC)
#define MANY_ERRORS	16
/* Minimum interval between reports of ignored errors. */
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
 * @work: embedded in the job
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
 * bcow_writes_failed - writes failed, their old data was not copied
 * @job: the job
 * @nr: number of writes, may be 0
 * @reading: reading the origin failed
 * @error: the error
 *
 * At most one event a second, and always one for the last failure.
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
 * bcow_raise_end - raise the job's end event
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
 * bcow_job_end - stop guarding the old data; conclude when nothing is in flight
 * @job: the job
 * @error: reason; the first error is kept
 * @bios: gets the deferred writes
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
 * bcow_job_break - break the snapshot and end the job
 * @job: the job
 * @error: reason
 * @bios: gets the deferred writes
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
 * Is any old data unread, or was it read when it may have been overwritten
 * already? All data of a busy cluster may be in memory.
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
 * bcow_judge_lost - check the backup once nothing guards the origin
 * @job: the job
 * @bios: gets the deferred writes
 *
 * The end may already have been reported wrongly.
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
 * bcow_told - the state of the guards above the device changed
 * @watch: the job's
 * @state: the new state
 *
 * A concluded job keeps its state, so that the status shows how it was made.
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
 * bcow_settle - writes may have bypassed the job
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
 * bcow_foreground_failed - a copy-before-write failed
 * @job: the job
 * @copy: the copy, its clusters reverted
 * @bios: gets the writes released
 *
 * A copy may serve several writes: copies of several clusters are first retried
 * one by one, so that an error only fails writes to its own cluster. An error
 * of a cluster that no write waits for does not break the snapshot.
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
 * An ignored error must not keep background copying from later clusters.
 * Clusters that failed together are retried one by one, and a single one again
 * after all the others.
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
 * bcow_begin_again - restart background copying from the first cluster
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
 * bcow_background_failed - a background copy failed
 * @job: the job
 * @copy: the copy, its clusters reverted
 * @bios: gets the deferred writes
 *
 * Return: true to pass over its clusters for now.
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
 * Reports the end once readers of the destination see the copied data, also
 * through the page cache.
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

/* All data is copied, but may still be in the destination's cache only. */
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
 * A failed flush leaves all data written since the last good one unproven. A
 * later flush that succeeds proves nothing: the kernel reports a lost write
 * once. So no policy can make the job succeed.
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

/* Nothing is in flight, and the end is reached or decided. */
static bool is_through(const struct bcow_job *job)
{
	lockdep_assert_held(&job->lock);
	if (job->inflight)
		return false;
	return job->state == JOB_ABORTING ||
	       (job->state == JOB_WAITING && job->cache == CACHE_DROPPED);
}

/**
 * bcow_check_end - take the next step towards the end, if due
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
 * bcow_job_figures - values for the status
 * @job: the job
 * @figures: result
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
