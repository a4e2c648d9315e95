// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-backupcow backs up a live device to another as of one instant: old data is
 * copied to the destination before it is overwritten, and the rest in the
 * background. This file connects device-mapper to the job, which does the work.
 *
 * Locking: backup_device.lock guards the device's job and the last resumed
 * table; it is taken in constructors, resumes and destructors only. Between a
 * table's constructor and destructor backupcow.job does not change, so map()
 * and the other callbacks use it freely.
 * Life: the device state belongs to the mapped device and is freed with its
 * last table. Each table with a job holds a reference to it, and so does the
 * device to its own. A constructor takes the device's job if the line describes
 * it, or creates one, which becomes the device's at resume; so clearing an
 * inactive table changes nothing. If the last resumed table is destroyed, one
 * of another kind has replaced it: writes bypass the job, and it ends, though
 * an inactive table may hold it.
 */
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>

#include "debug.h"
#include "edge.h"
#include "event.h"
#include "job.h"
#include "table.h"
#include "device-state.h"

#define DM_MSG_PREFIX QDM_TARGET_BACKUPCOW

struct backup_device {
	struct qdm_device_state head;
	struct qdm_events events;
	struct mutex lock; /* guards the fields below */
	struct bcow_job *job;
	struct backupcow *last; /* resumed last, until destroyed */
};

/*
 * One table; @live: was resumed, so that its options are applied; @begins: its
 * line created the job.
 */
struct backupcow {
	struct bcow_job *job;
	bool begins;
	struct bcow_table line;
	struct backup_device *device;
	bool live;
	struct qdm_edge edge;
};

static struct qdm_device_state *create_device(void)
{
	struct backup_device *device = kzalloc(sizeof(*device), GFP_KERNEL);

	if (!device)
		return NULL;
	mutex_init(&device->lock);
	qdm_events_init(&device->events);
	return &device->head;
}

/*
 * Makes @job, or none, the device's; the device's lock is held.
 * Return: the previous job, to be dismissed.
 */
static struct bcow_job *swap_job(struct backup_device *device,
				 struct bcow_job *job)
{
	struct bcow_job *old = device->job;

	lockdep_assert_held(&device->lock);
	if (old == job)
		return NULL;
	if (job)
		bcow_job_get(job);
	device->job = job;
	return old;
}

static void dismiss_job(struct bcow_job *job)
{
	if (!job)
		return;
	bcow_job_dismiss(job);
	bcow_job_put_later(job);
}

static void adopt_table(struct backupcow *b)
{
	struct backup_device *device = b->device;
	struct bcow_job *old;

	mutex_lock(&device->lock);
	device->last = b;
	old = swap_job(device, b->job);
	mutex_unlock(&device->lock);
	dismiss_job(old);
}

static void retire_table(struct backupcow *b)
{
	struct backup_device *device = b->device;
	struct bcow_job *old = NULL;

	mutex_lock(&device->lock);
	if (device->last == b) {
		device->last = NULL;
		old = swap_job(device, NULL);
	}
	mutex_unlock(&device->lock);
	dismiss_job(old);
}

static void destroy_device(struct qdm_device_state *head)
{
	struct backup_device *device =
		container_of(head, struct backup_device, head);

	qdm_events_exit(&device->events);
	kfree(device);
}

static struct qdm_state_registry devices =
	QDM_STATE_REGISTRY_INIT(devices, create_device, destroy_device);

/*------------------------------- constructor -------------------------------*/

static bool same_place(const struct bcow_place *a, const struct bcow_place *b)
{
	return a->target == b->target && a->start == b->start &&
	       a->shift == b->shift;
}

/* May a table with @place be loaded while the device has this job? */
static int check_running(struct bcow_job *job, const struct bcow_place *place,
			 struct qdm_why *why)
{
	bool ending = bcow_job_state(job) >= JOB_ABORTING;
	const char *how = "under way: cancel it first";

	if (ending)
		how = "ending, but its target has yet to answer: load a table with target - first";
	if (!same_place(&job->place, place))
		return qdm_refuse(why, "a backup to %u:%u from sector %llu on in clusters of %u sectors is %s",
				  MAJOR(job->place.target),
				  MINOR(job->place.target),
				  (u64)job->place.start, 1U << job->place.shift,
				  how);
	if (place->sectors < job->place.sectors)
		return qdm_refuse(why, "a backup of %llu sectors is under way, the device cannot shrink to %llu",
				  (u64)job->place.sectors, (u64)place->sectors);
	if (place->run != job->place.run)
		return qdm_refuse(why, "run %llu of this backup is %s, run %llu cannot begin",
				  job->place.run,
				  ending ? "ending, but its destination has yet to answer" :
					   "under way: cancel it first",
				  place->run);
	return 0;
}

/* Takes the device's job, if the line describes it. */
static int find_job(struct backupcow *b, const struct bcow_place *place,
		    struct qdm_why *why)
{
	struct backup_device *device = b->device;
	int r = 0;

	mutex_lock(&device->lock);
	if (device->job && bcow_job_state(device->job) != JOB_CONCLUDED)
		r = check_running(device->job, place, why);
	if (!r && device->job)
		r = bcow_check_options(device->job, &b->line.opts, why);
	if (!r && device->job && same_place(&device->job->place, place) &&
	    device->job->place.run == place->run) {
		b->job = device->job;
		bcow_job_get(b->job);
	}
	mutex_unlock(&device->lock);
	return r;
}

/*
 * Else creates one. The destination need only hold the data that the job
 * writes: a device that grows continues its backup. A concluded job writes
 * nothing, so its copy may be in use.
 */
static int get_job(struct backupcow *b, struct dm_target *ti,
		   const char *target, struct qdm_why *why)
{
	struct bcow_place place;
	struct bcow_job *job;
	int r;

	if (!b->line.has_target)
		return 0;
	bcow_table_place(&b->line, ti, &place);
	r = find_job(b, &place, why);
	if (r)
		return r;
	if (b->job && bcow_job_state(b->job) == JOB_CONCLUDED)
		return 0;
	if (b->job)
		place.sectors = b->job->place.sectors;
	r = bcow_table_judge_target(&b->line, ti, place.sectors, target, why);
	if (r && b->job)
		bcow_job_put(b->job);
	if (r || b->job)
		return r;
	r = bcow_table_await_alone(&b->line, target, why);
	if (r)
		return r;
	job = bcow_job_create(&place, why);
	if (IS_ERR(job))
		return PTR_ERR(job);
	b->job = job;
	b->begins = true;
	return 0;
}

static int get_device_state(struct backupcow *b, struct dm_target *ti,
			    const char *target, struct qdm_why *why)
{
	struct qdm_device_state *head = qdm_device_state_get(&devices, ti);
	int r;

	if (!head) {
		qdm_refuse(why, "out of memory");
		return -ENOMEM;
	}
	b->device = container_of(head, struct backup_device, head);
	r = get_job(b, ti, target, why);
	if (r)
		qdm_device_state_put(&devices, head);
	return r;
}

/*
 * <origin> <offset> <target>|- <target offset> <cluster sectors>
 * [<#opts> {<option> <value>}...]
 */
static int backupcow_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct backupcow *b = kzalloc(sizeof(*b), GFP_KERNEL);
	struct qdm_why why;
	int r;

	if (!b) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	r = bcow_table_open(&b->line, ti, argc, argv, &why);
	if (r)
		goto out_free;
	r = get_device_state(b, ti, argv[2], &why);
	if (r)
		goto out_close;
	if (b->job)
		b->edge.watch = &b->job->watch;
	b->edge.required = b->line.opts.guard == GUARD_REQUIRED;
	qdm_edge_add(&b->edge, ti, &b->line.origin);
	qdm_lower_pass_all(ti);
	ti->per_io_data_size = sizeof(struct bcow_write);
	ti->accounts_remapped_io = true;
	ti->limit_swap_bios = !!b->job;
	ti->private = b;
	return 0;

out_close:
	bcow_table_close(&b->line, ti);
out_free:
	qdm_refuse_table(ti, &why);
	kfree(b);
	return r;
}

static void backupcow_dtr(struct dm_target *ti)
{
	struct backupcow *b = ti->private;

	retire_table(b);
	qdm_edge_del(&b->edge);
	qdm_device_state_put(&devices, &b->device->head);
	if (b->job)
		bcow_job_put(b->job);
	bcow_table_close(&b->line, ti);
	kfree(b);
}

/*---------------------------------- I/O ------------------------------------*/

static noinline int defer_write(struct backupcow *b, struct dm_target *ti,
				struct bio *bio, sector_t sector)
{
	qdm_lower_map(&b->line.origin, bio);
	return bcow_park(b->job, ti, bio, sector);
}

/* Mapped last, so that no value must be kept over that call. */
static int backupcow_map(struct dm_target *ti, struct bio *bio)
{
	struct backupcow *b = ti->private;
	sector_t sector = dm_target_offset(ti, bio->bi_iter.bi_sector);

	if (op_is_write(bio_op(bio)) && b->job && qdm_has_data(bio) &&
	    !bcow_lets_pass(b->job, sector, bio_sectors(bio)))
		return defer_write(b, ti, bio, sector);
	qdm_lower_map(&b->line.origin, bio);
	return DM_MAPIO_REMAPPED;
}

static void backupcow_presuspend(struct dm_target *ti)
{
	struct backupcow *b = ti->private;

	if (b->job)
		bcow_job_halt(b->job, dm_noflush_suspending(ti));
}

static void backupcow_presuspend_undo(struct dm_target *ti)
{
	struct backupcow *b = ti->private;

	if (b->job)
		bcow_job_unhalt(b->job);
}

static void backupcow_postsuspend(struct dm_target *ti)
{
	struct backupcow *b = ti->private;

	if (b->job)
		bcow_job_detach(b->job);
	qdm_edge_postsuspend(&b->edge);
	qdm_events_detach(&b->device->events);
}

/* Reloading a line begins no backup, which is easily overlooked. */
static void say_kept(struct backupcow *b, struct mapped_device *md)
{
	if (b->begins)
		return;
	if (bcow_job_state(b->job) == JOB_CONCLUDED)
		DMINFO("%s: begins no backup: run %llu to this destination has concluded, another run number begins a new one",
		       dm_device_name(md), b->job->place.run);
	else
		DMINFO("%s: continues run %llu of its backup",
		       dm_device_name(md), b->job->place.run);
}

static void backupcow_resume(struct dm_target *ti)
{
	struct backupcow *b = ti->private;
	struct mapped_device *md = dm_table_get_md(ti->table);

	adopt_table(b);
	qdm_edge_resume(&b->edge);
	if (b->job) {
		if (!b->live) {
			bcow_job_configure(b->job, &b->line.opts);
			say_kept(b, md);
		}
		bcow_job_attach(b->job, b->line.origin.dev->bdev,
				b->line.origin.start, dm_disk(md),
				&b->device->events);
	}
	b->live = true;
	qdm_events_attach(&b->device->events, ti);
}

/*---------------------------- messages and status --------------------------*/

static int set_speed(struct bcow_job *job, unsigned int argc, char **argv,
		     struct qdm_why *why)
{
	u64 speed;
	int r;

	if (argc != 2)
		return qdm_refuse(why, "set-speed takes one number of bytes per second");
	r = qdm_parse_u64("the speed in bytes per second", argv[1], 0, S64_MAX,
			  &speed, why);
	return r ? r : bcow_job_set_speed(job, speed, why);
}

static int handle_message(struct backupcow *b, unsigned int argc, char **argv,
			  struct qdm_why *why)
{
	if (!b->job)
		return qdm_refuse(why, "there is no backup");
	if (!strcasecmp(argv[0], "set-speed"))
		return set_speed(b->job, argc, argv, why);
	if (argc == 1 && !strcasecmp(argv[0], "pause"))
		return bcow_job_pause(b->job, why);
	if (argc == 1 && !strcasecmp(argv[0], "resume"))
		return bcow_job_resume(b->job, why);
	if (argc == 1 && !strcasecmp(argv[0], "cancel"))
		return bcow_job_cancel(b->job, why);
	if (!strncasecmp(argv[0], "bitmap-", 7))
		return qdm_refuse(why, "'%.40s' needs dirty bitmaps, which this version does not have",
				  argv[0]);
	return qdm_refuse(why, "unknown message '%.40s' of %u words, allowed are: pause, resume, cancel, set-speed <bytes/s>",
			  argv[0], argc);
}

static int backupcow_message(struct dm_target *ti, unsigned int argc,
			     char **argv, char *result, unsigned int maxlen)
{
	struct qdm_why why;
	int r = handle_message(ti->private, argc, argv, &why);

	return r ? qdm_refuse_message(ti, &why) : 0;
}

static const char *guard_name(const struct qdm_guarding *watched)
{
	if (!watched->needed)
		return "-";
	return watched->closed ? "unguarded" : "guarded";
}

/*
 * <state> <clusters done>/<clusters> <bytes done>/<bytes> <first error>
 * <intact|broken> <I/O status> <copies in flight> <deferred writes>
 * <bytes of memory held> <number of the last event> <writes failed>
 * <error of the first of them> <run> <new|kept> <guarded|unguarded|->
 */
static unsigned int emit_info(struct backupcow *b, char *result,
			      unsigned int maxlen)
{
	u64 seq = qdm_events_seq(&b->device->events);
	struct bcow_job_figures f;
	unsigned int sz = 0;

	if (!b->job) {
		DMEMIT("none 0/0 0/0 - - ok 0 0 0 %llu 0 - 0 - -", seq);
		return sz;
	}
	bcow_job_figures(b->job, &f);
	DMEMIT("%s %llu/%llu %llu/%llu %s %s %s %u %u %llu %llu",
	       bcow_job_state_name(f.state), f.clusters_done, f.clusters,
	       f.bytes_done, f.bytes, bcow_error_name(f.error),
	       f.broken ? "broken" : "intact", bcow_io_status_name(f.io_status),
	       f.inflight, f.writers, f.held, seq);
	DMEMIT(" %llu %s %llu %s %s", f.writer_errors,
	       bcow_error_name(f.writer_error), f.run,
	       b->begins ? "new" : "kept", guard_name(&f.watched));
	return sz;
}

/* Messages may have changed the live table's options. */
static const struct bcow_options *current_options(struct backupcow *b,
						  struct bcow_job_figures *f)
{
	if (!b->job || !b->live)
		return &b->line.opts;
	bcow_job_figures(b->job, f);
	return &f->opts;
}

static void backupcow_status(struct dm_target *ti, status_type_t type,
			     unsigned int flags, char *result,
			     unsigned int maxlen)
{
	struct backupcow *b = ti->private;
	const struct bcow_table *line = &b->line;
	const char *target = line->has_target ? line->target.dev->name : "-";
	const struct bcow_options *opts;
	struct bcow_job_figures f;
	unsigned int sz = 0;

	opts = current_options(b, &f);
	switch (type) {
	case STATUSTYPE_INFO:
		sz += emit_info(b, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %llu %s %llu %llu", line->origin.dev->name,
		       (u64)line->origin.start, target, line->target_start,
		       line->cluster);
		sz += qdm_opts_emit(&bcow_option_table, opts, result + sz,
				    maxlen - sz);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",origin=%s,start=%llu,target=%s,target_start=%llu,cluster=%llu",
		       line->origin.dev->name, (u64)line->origin.start, target,
		       line->target_start, line->cluster);
		sz += qdm_opts_emit_ima(&bcow_option_table, opts, result + sz,
					maxlen - sz);
		DMEMIT(";");
		break;
	}
}

/* Not the destination: its limits must not become the origin's. */
static int backupcow_iterate_devices(struct dm_target *ti,
				     iterate_devices_callout_fn fn, void *data)
{
	struct backupcow *b = ti->private;

	return qdm_lower_iterate(&b->line.origin, ti, fn, data);
}

/* No limits to set: dm calls this for each table it swaps in. */
static void backupcow_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct backupcow *b = ti->private;

	qdm_edge_swap(&b->edge);
}

/* A SCSI or NVMe command could write without map() seeing it. */
static int QDM_PREPARE_IOCTL(backupcow_prepare_ioctl)
{
	struct backupcow *b = ti->private;

	if (b->job && READ_ONCE(b->job->guarding))
		return -ENOTTY;
	return qdm_lower_prepare_ioctl(&b->line.origin, ti, bdev);
}

static struct target_type backupcow_target = {
	.name = QDM_TARGET_BACKUPCOW,
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_NOWAIT | DM_TARGET_PASSES_INTEGRITY |
		    DM_TARGET_PASSES_CRYPTO | QDM_TARGET_ATOMIC_WRITES,
	.ctr = backupcow_ctr,
	.dtr = backupcow_dtr,
	.map = backupcow_map,
	.presuspend = backupcow_presuspend,
	.presuspend_undo = backupcow_presuspend_undo,
	.postsuspend = backupcow_postsuspend,
	.resume = backupcow_resume,
	.message = backupcow_message,
	.status = backupcow_status,
	.iterate_devices = backupcow_iterate_devices,
	.io_hints = backupcow_io_hints,
	.prepare_ioctl = backupcow_prepare_ioctl,
};

static int __init backupcow_init(void)
{
	int r = bcow_jobs_init();

	if (r)
		return r;
	r = dm_register_target(&backupcow_target);
	if (r)
		bcow_jobs_exit();
	else
		bcow_debug_init();
	return r;
}
module_init(backupcow_init);

static void __exit backupcow_exit(void)
{
	bcow_debug_exit();
	dm_unregister_target(&backupcow_target);
	bcow_jobs_exit();
}
module_exit(backupcow_exit);

MODULE_DESCRIPTION("device-mapper target that backs up a live device as of one instant");
MODULE_AUTHOR("the qdm developers");
MODULE_VERSION(QDM_VERSION);
MODULE_LICENSE("GPL");
