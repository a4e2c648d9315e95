// SPDX-License-Identifier: GPL-2.0-only
/*
 * Shows why a write waits or a backup makes no progress:
 * /sys/kernel/debug/dm-backupcow/jobs lists each job's queues, memory and
 * pacing, for which the status line has no room. The format is not an interface
 * and may change with each version.
 *
 * Locking: bcow_jobs_each() holds the list of jobs, so a job cannot be freed
 * while it is shown. The job's lock is held only to copy numbers, never to
 * print.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "debug.h"
#include "job.h"

static struct dentry *folder;

static const char * const state_names[] = {
	[JOB_CREATED] = "created",
	[JOB_RUNNING] = "running",
	[JOB_PAUSED] = "paused",
	[JOB_WAITING] = "waiting for the last flush",
	[JOB_ABORTING] = "aborting",
	[JOB_CONCLUDED] = "concluded",
};

static const char * const cache_names[] = {
	[CACHE_UNTOUCHED] = "untouched",
	[CACHE_STALE] = "stale",
	[CACHE_DROPPING] = "being dropped",
	[CACHE_DROPPED] = "dropped",
};

static const char * const flush_names[] = {
	[FLUSH_NONE] = "none",
	[FLUSH_WANTED] = "wanted",
	[FLUSH_SENT] = "sent",
	[FLUSH_ENDED] = "ended",
};

/*
 * A job, its figures read a moment before the rest: disk of the mapped device
 * (empty while suspended), how long the oldest deferred write has waited and
 * for which cluster. The rest as in struct bcow_job.
 */
struct look {
	struct bcow_job_figures figures;
	char name[DISK_NAME_LEN];
	unsigned int urgent;
	bool has_oldest;
	unsigned int oldest_ms;
	u64 oldest_at;
	unsigned int background;
	unsigned int reads;
	unsigned int nr_arrived;
	unsigned int in_stock;
	bool dry;
	bool halted;
	bool detached;
	u64 cursor;
	u64 ahead;
	u64 paced_until;
	u64 retry_at;
	u64 busy_until;
	u64 errors;
	enum bcow_cache cache;
	enum bcow_flush flush;
};

static void look_at_writes(struct bcow_job *job, struct look *look)
{
	struct bcow_write *oldest = bcow_deferred_oldest(&job->deferred);

	lockdep_assert_held(&job->lock);
	look->urgent = job->deferred.nr_urgent;
	look->has_oldest = oldest;
	if (!oldest)
		return;
	look->oldest_ms = jiffies_to_msecs(jiffies - oldest->since);
	look->oldest_at = oldest->next;
}

static void look_at_copies(struct bcow_job *job, struct look *look)
{
	lockdep_assert_held(&job->lock);
	look->background = job->background;
	look->reads = job->reads;
	look->nr_arrived = job->nr_arrived;
	look->in_stock = job->stock.nr;
	look->dry = job->dry;
	look->halted = job->halted;
	look->detached = job->detached;
	look->cache = job->cache;
	look->flush = job->flush;
}

static void look_at_pacing(struct bcow_job *job, struct look *look)
{
	lockdep_assert_held(&job->lock);
	look->cursor = job->cursor;
	look->ahead = job->ahead;
	look->paced_until = job->paced_until;
	look->retry_at = job->retry_at;
	look->busy_until = job->busy_until;
	look->errors = job->errors;
}

static void look_at(struct bcow_job *job, struct look *look)
{
	bcow_job_figures(job, &look->figures);
	spin_lock_irq(&job->lock);
	if (!job->detached && job->disk)
		strscpy(look->name, job->disk->disk_name, sizeof(look->name));
	look_at_writes(job, look);
	look_at_copies(job, look);
	look_at_pacing(job, look);
	spin_unlock_irq(&job->lock);
}

static void show_state(struct seq_file *m, const struct bcow_job *job,
		       const struct look *look)
{
	const struct bcow_job_figures *f = &look->figures;

	seq_printf(m, "%s to %u:%u, from sector %llu, clusters of %llu KiB, run %llu\n",
		   *look->name ? look->name : "(no device)",
		   MAJOR(job->place.target), MINOR(job->place.target),
		   (u64)job->place.start, 1ULL << job->place.shift >> 1,
		   f->run);
	seq_printf(m, "  state: %s%s%s, error %d, snapshot %s (%d)\n",
		   state_names[f->state],
		   look->halted ? ", device suspending" : "",
		   look->detached ? ", device suspended" : "", f->error,
		   f->broken ? "broken" : "intact", f->broken);
	seq_printf(m, "  clusters: %llu of %llu done, background at %llu, %llu ahead of a writer in sequence\n",
		   f->clusters_done, f->clusters, look->cursor, look->ahead);
}

static void show_queues(struct seq_file *m, const struct look *look)
{
	const struct bcow_job_figures *f = &look->figures;

	seq_printf(m, "  copies: %u in flight, %u of them background; %u reading, %u read, %u kept for reuse\n",
		   f->inflight, look->background, look->reads,
		   look->nr_arrived, look->in_stock);
	seq_printf(m, "  memory: %llu bytes%s\n", f->held,
		   look->dry ? ", and no more to be had" : "");
	seq_printf(m, "  writes deferred: %u, %u of them urgent", f->writers,
		   look->urgent);
	if (look->has_oldest)
		seq_printf(m, "; the oldest for %u ms, now for cluster %llu",
			   look->oldest_ms, look->oldest_at);
	seq_printf(m, "\n  writes failed: %llu\n", f->writer_errors);
}

/* Milliseconds until @then; @then and @now in ns. */
static u64 ms_until(u64 then, u64 now)
{
	return then > now ? div_u64(then - now, NSEC_PER_MSEC) : 0;
}

static void show_pacing(struct seq_file *m, const struct look *look)
{
	u64 now = ktime_get_ns();

	seq_printf(m, "  pacing: %llu bytes/s at most, next copy in %llu ms; device in use for %llu ms more\n",
		   look->figures.opts.speed, ms_until(look->paced_until, now),
		   ms_until(look->busy_until, now));
	seq_printf(m, "  errors ignored: %llu, retry in %llu ms\n",
		   look->errors, ms_until(look->retry_at, now));
	seq_printf(m, "  destination: page cache %s, flush %s\n",
		   cache_names[look->cache], flush_names[look->flush]);
}

static void show_job(struct bcow_job *job, void *to)
{
	struct look look = {};

	look_at(job, &look);
	show_state(to, job, &look);
	show_queues(to, &look);
	show_pacing(to, &look);
}

static int jobs_show(struct seq_file *m, void *unused)
{
	bcow_jobs_each(show_job, m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(jobs);

/**
 * bcow_debug_init - at module load
 */
void bcow_debug_init(void)
{
	folder = debugfs_create_dir("dm-backupcow", NULL);
	debugfs_create_file("jobs", 0400, folder, NULL, &jobs_fops);
}

/**
 * bcow_debug_exit - at module unload; waits for open readers
 */
void bcow_debug_exit(void)
{
	debugfs_remove(folder);
}
