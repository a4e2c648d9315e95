// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-wthreshold raises an event when a write passes an offset, so that the
 * provider of the volume below can extend it before it is full. The write
 * itself is never delayed. This file connects it to dm; the rules are in
 * level.c.
 *
 * Locking: struct threshold belongs to the mapped device and outlives its
 * tables, so that neither the mark nor an event is lost over a reload. @lock
 * guards @level; it is taken by writers in map(), messages, status and resume,
 * all in process context, and nothing sleeps under it. map() first reads
 * level.alert without the lock: it only decides whether the lock is needed, and
 * a write that races with a message that sets the threshold may count as before
 * or after it.
 * Life: each constructed table holds one reference, taken in ctr and dropped in
 * dtr. Events are attached to the live table, from resume to postsuspend; an
 * event raised in between waits.
 */
#include <linux/blkdev.h>
#include <linux/dax.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "args.h"
#include "edge.h"
#include "event.h"
#include "level.h"
#include "lower.h"
#include "device-state.h"

#define DM_MSG_PREFIX QDM_TARGET_WTHRESHOLD

#define LINE "<dev> <offset> [<threshold bytes> [<#opts> {<option> <value>}...]]"

struct wthreshold_options {
	u64 rearm;
	u64 fire_on_arm;
	u64 discard;
};

/**
 * struct threshold - state of a device that outlives its tables
 * @head: finds it
 * @lock: guards @level and @options
 * @level: the threshold
 * @options: of the last table that set it
 * @events: source of its events
 */
struct threshold {
	struct qdm_device_state head;
	spinlock_t lock; /* guards the level and the options */
	struct wt_level level;
	struct wthreshold_options options;
	struct qdm_events events;
};

/**
 * struct wthreshold - one table
 * @lower: the device below
 * @state: the device's state
 * @edge: registers the line above @lower
 * @options: of the line; none without a threshold, then the device's options
 *	stay
 * @has_threshold: the line has a threshold
 * @sets_threshold: it differs from the one in force, not yet set
 * @threshold: its threshold
 */
struct wthreshold {
	struct qdm_lower lower;
	struct threshold *state;
	struct qdm_edge edge;
	struct wthreshold_options options;
	bool has_threshold;
	bool sets_threshold;
	u64 threshold;
};

static const char * const discard_words[] = { "ignore", "count", NULL };
static const char * const off_on[] = { "off", "on", NULL };

static const struct qdm_opt wthreshold_opts[] = {
	{
		.name = "rearm",
		.offset = offsetof(struct wthreshold_options, rearm),
		.max = U64_MAX,
	}, {
		.name = "fire-on-arm",
		.offset = offsetof(struct wthreshold_options, fire_on_arm),
		.words = off_on,
	}, {
		.name = "discard",
		.offset = offsetof(struct wthreshold_options, discard),
		.words = discard_words,
	},
};

static const struct qdm_opt_table wthreshold_table = {
	wthreshold_opts, ARRAY_SIZE(wthreshold_opts)
};

static struct qdm_device_state *create_threshold(void)
{
	struct threshold *state = kzalloc(sizeof(*state), GFP_KERNEL);

	if (!state)
		return NULL;
	spin_lock_init(&state->lock);
	wt_level_init(&state->level);
	qdm_events_init(&state->events);
	return &state->head;
}

static void destroy_threshold(struct qdm_device_state *head)
{
	struct threshold *state = container_of(head, struct threshold, head);

	qdm_events_exit(&state->events);
	kfree(state);
}

static struct qdm_state_registry thresholds =
	QDM_STATE_REGISTRY_INIT(thresholds, create_threshold,
				destroy_threshold);

/* Called with the lock held, so that events are numbered in order. */
static void raise_event(struct threshold *state)
{
	struct qdm_event event;

	lockdep_assert_held(&state->lock);
	qdm_event_start(&event, QDM_ACTION_WRITE_THRESHOLD);
	qdm_event_key(&event, QDM_KEY_WRITE_THRESHOLD "=%llu",
		      state->level.fired_at);
	qdm_event_key(&event, QDM_KEY_AMOUNT_EXCEEDED "=%llu",
		      state->level.amount);
	qdm_events_raise(&state->events, &event);
}

static void fire_on_arm(struct threshold *state)
{
	lockdep_assert_held(&state->lock);
	if (state->options.fire_on_arm &&
	    wt_level_fire_if_passed(&state->level))
		raise_event(state);
}

/* "[<threshold bytes> [<#opts> {<option> <value>}...]]" */
static int parse_line(struct wthreshold *wt, unsigned int argc, char **argv,
		      struct qdm_why *why)
{
	int r;

	qdm_opts_default(&wthreshold_table, &wt->options);
	if (!argc)
		return 0;
	r = qdm_parse_u64("the threshold in bytes", argv[0], 0, U64_MAX,
			  &wt->threshold, why);
	if (r)
		return r;
	wt->has_threshold = true;
	return qdm_opts_parse_group(&wthreshold_table, &wt->options, argc - 1,
				    argv + 1, NULL, why);
}

static int open_line(struct wthreshold *wt, struct dm_target *ti,
		     unsigned int argc, char **argv, struct qdm_why *why)
{
	int r;

	if (argc < 2)
		return qdm_refuse(why, "%u words, needed are: " LINE, argc);
	r = parse_line(wt, argc - 2, argv + 2, why);
	if (r)
		return r;
	return qdm_lower_get(&wt->lower, ti, argv[0], argv[1], why);
}

/* Events are raised with the lock held, so both match. */
static struct wt_level read_level(struct threshold *state, u64 *seq)
{
	struct wt_level level;

	spin_lock(&state->lock);
	level = state->level;
	*seq = qdm_events_seq(&state->events);
	spin_unlock(&state->lock);
	return level;
}

/*
 * A line with the threshold in force is a reload for another reason: it leaves
 * the threshold alone, even if a message changes it before the resume.
 */
static bool changes_threshold(struct wthreshold *wt)
{
	u64 seq;
	struct wt_level level = read_level(wt->state, &seq);

	return level.threshold != wt->threshold;
}

static void inherit_options(struct wthreshold *wt)
{
	spin_lock(&wt->state->lock);
	wt->options = wt->state->options;
	spin_unlock(&wt->state->lock);
}

static int wthreshold_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct wthreshold *wt = kzalloc(sizeof(*wt), GFP_KERNEL);
	struct qdm_device_state *head;
	struct qdm_why why;
	int r;

	if (!wt) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	r = open_line(wt, ti, argc, argv, &why);
	if (r) {
		qdm_refuse_table(ti, &why);
		goto out_free;
	}
	head = qdm_device_state_get(&thresholds, ti);
	if (!head) {
		ti->error = "Out of memory";
		r = -ENOMEM;
		goto out_put;
	}
	wt->state = container_of(head, struct threshold, head);
	if (wt->has_threshold)
		wt->sets_threshold = changes_threshold(wt);
	else
		inherit_options(wt);
	qdm_edge_add(&wt->edge, ti, &wt->lower);
	qdm_lower_pass_all(ti);
	ti->private = wt;
	return 0;

out_put:
	qdm_lower_put(&wt->lower, ti);
out_free:
	kfree(wt);
	return r;
}

static void wthreshold_dtr(struct dm_target *ti)
{
	struct wthreshold *wt = ti->private;

	qdm_edge_del(&wt->edge);
	qdm_device_state_put(&thresholds, &wt->state->head);
	qdm_lower_put(&wt->lower, ti);
	kfree(wt);
}

static void note_write(struct threshold *state, u64 offset, u64 len,
		       bool append)
{
	bool fired;

	spin_lock(&state->lock);
	if (append)
		fired = wt_level_append(&state->level, offset, len);
	else
		fired = wt_level_write(&state->level, offset, len);
	if (fired)
		raise_event(state);
	spin_unlock(&state->lock);
}

/* A discard takes no space in the volume below; it may even free some. */
static bool is_ignored(const struct wthreshold *wt, const struct bio *bio)
{
	return !wt->options.discard && (bio_op(bio) == REQ_OP_DISCARD ||
					bio_op(bio) == REQ_OP_SECURE_ERASE);
}

/* A bio that may have passed the threshold, or at least the mark. */
static noinline void note_bio(struct wthreshold *wt, const struct bio *bio,
			      u64 offset)
{
	if (!is_ignored(wt, bio))
		note_write(wt->state, offset, bio->bi_iter.bi_size,
			   bio_op(bio) == REQ_OP_ZONE_APPEND);
}

static int wthreshold_map(struct dm_target *ti, struct bio *bio)
{
	struct wthreshold *wt = ti->private;
	struct threshold *state = wt->state;
	u64 offset, len = bio->bi_iter.bi_size;

	if (op_is_write(bio_op(bio)) && len) {
		offset = (u64)dm_target_offset(ti, bio->bi_iter.bi_sector)
			 << SECTOR_SHIFT;
		if (offset + len > READ_ONCE(state->level.alert))
			note_bio(wt, bio, offset);
	}
	qdm_lower_map(&wt->lower, bio);
	return DM_MAPIO_REMAPPED;
}

static void set_threshold(struct wthreshold *wt, u64 threshold)
{
	struct threshold *state = wt->state;

	spin_lock(&state->lock);
	wt_level_set(&state->level, threshold);
	qdm_events_begin_anew(&state->events);
	fire_on_arm(state);
	spin_unlock(&state->lock);
}

static void adopt_options(struct wthreshold *wt)
{
	struct threshold *state = wt->state;
	u64 zone = bdev_zone_sectors(wt->lower.dev->bdev);

	spin_lock(&state->lock);
	state->options = wt->options;
	state->level.rearm = wt->options.rearm;
	wt_level_set_zone(&state->level, zone << SECTOR_SHIFT);
	if (!wt->sets_threshold)
		fire_on_arm(state);
	spin_unlock(&state->lock);
}

static void wthreshold_resume(struct dm_target *ti)
{
	struct wthreshold *wt = ti->private;

	qdm_edge_resume(&wt->edge);
	qdm_events_attach(&wt->state->events, ti);
	adopt_options(wt);
	if (wt->sets_threshold)
		set_threshold(wt, wt->threshold);
	wt->sets_threshold = false;
}

static void wthreshold_postsuspend(struct dm_target *ti)
{
	struct wthreshold *wt = ti->private;

	qdm_edge_postsuspend(&wt->edge);
	qdm_events_detach(&wt->state->events);
}

static int wthreshold_message(struct dm_target *ti, unsigned int argc,
			      char **argv, char *result, unsigned int maxlen)
{
	struct wthreshold *wt = ti->private;
	struct qdm_why why;
	u64 threshold;
	int r;

	if (strcasecmp(argv[0], "set-threshold"))
		r = qdm_refuse(&why, "unknown message '%.40s', allowed is: set-threshold <bytes>",
			       argv[0]);
	else if (argc != 2)
		r = qdm_refuse(&why, "set-threshold takes one number of bytes, not %u words",
			       argc - 1);
	else if (dm_suspended(ti))
		r = qdm_refuse(&why, "the device is suspended");
	else
		r = qdm_parse_u64("the threshold in bytes", argv[1], 0, U64_MAX,
				  &threshold, &why);
	if (r)
		return qdm_refuse_message(ti, &why);
	set_threshold(wt, threshold);
	return 0;
}

/*
 * INFO: <off|armed|fired> <threshold> <amount exceeded> <high-water mark>
 *	 <event number> <threshold that fired last>, in bytes
 */
static void wthreshold_status(struct dm_target *ti, status_type_t type,
			      unsigned int flags, char *result,
			      unsigned int maxlen)
{
	struct wthreshold *wt = ti->private;
	unsigned int sz = 0;
	u64 seq;
	struct wt_level level = read_level(wt->state, &seq);

	if (wt->sets_threshold)
		level.threshold = wt->threshold;
	switch (type) {
	case STATUSTYPE_INFO:
		DMEMIT("%s %llu %llu %llu %llu %llu",
		       wt_level_state_name(&level), level.threshold,
		       level.amount, level.mark, seq, level.fired_at);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %llu %llu", wt->lower.dev->name,
		       (u64)wt->lower.start, level.threshold);
		sz += qdm_opts_emit(&wthreshold_table, &wt->options,
				    result + sz, maxlen - sz);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",device_name=%s,start=%llu,threshold=%llu",
		       wt->lower.dev->name, (u64)wt->lower.start,
		       level.threshold);
		sz += qdm_opts_emit_ima(&wthreshold_table, &wt->options,
					result + sz, maxlen - sz);
		DMEMIT(";");
		break;
	}
}

static int wthreshold_iterate_devices(struct dm_target *ti,
				      iterate_devices_callout_fn fn, void *data)
{
	struct wthreshold *wt = ti->private;

	return qdm_lower_iterate(&wt->lower, ti, fn, data);
}

/* No limits to set: dm calls this for each table it swaps in. */
static void wthreshold_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct wthreshold *wt = ti->private;

	qdm_edge_swap(&wt->edge);
}

static int QDM_PREPARE_IOCTL(wthreshold_prepare_ioctl)
{
	struct wthreshold *wt = ti->private;

	return qdm_lower_prepare_ioctl(&wt->lower, ti, bdev);
}

#ifdef CONFIG_BLK_DEV_ZONED
static int wthreshold_report_zones(struct dm_target *ti,
				   struct dm_report_zones_args *args,
				   unsigned int nr_zones)
{
	struct wthreshold *wt = ti->private;

	return qdm_lower_report_zones(&wt->lower, ti, args, nr_zones);
}
#else
#define wthreshold_report_zones NULL
#endif

/*
 * Stores through a mapping are not seen. A file system zeroes the blocks that
 * it gives to a file before it maps them, though, and that is seen.
 */
#if IS_ENABLED(CONFIG_FS_DAX)
static long wthreshold_direct_access(struct dm_target *ti, pgoff_t pgoff,
				     long nr_pages, enum dax_access_mode mode,
				     void **kaddr, qdm_pfn_t *pfn)
{
	struct wthreshold *wt = ti->private;
	struct dax_device *dax = qdm_lower_dax(&wt->lower, ti, &pgoff);

	return dax_direct_access(dax, pgoff, nr_pages, mode, kaddr, pfn);
}

static void note_pages(struct dm_target *ti, pgoff_t pgoff, u64 len)
{
	struct wthreshold *wt = ti->private;
	u64 offset = ((u64)pgoff << PAGE_SHIFT) -
		     ((u64)ti->begin << SECTOR_SHIFT);

	if (offset + len > READ_ONCE(wt->state->level.alert))
		note_write(wt->state, offset, len, false);
}

static int wthreshold_dax_zero_page_range(struct dm_target *ti, pgoff_t pgoff,
					  size_t nr_pages)
{
	struct wthreshold *wt = ti->private;
	struct dax_device *dax;

	note_pages(ti, pgoff, (u64)nr_pages << PAGE_SHIFT);
	dax = qdm_lower_dax(&wt->lower, ti, &pgoff);
	return dax_zero_page_range(dax, pgoff, nr_pages);
}

static size_t wthreshold_dax_recovery_write(struct dm_target *ti, pgoff_t pgoff,
					    void *addr, size_t bytes,
					    struct iov_iter *i)
{
	struct wthreshold *wt = ti->private;
	struct dax_device *dax;

	note_pages(ti, pgoff, bytes);
	dax = qdm_lower_dax(&wt->lower, ti, &pgoff);
	return dax_recovery_write(dax, pgoff, addr, bytes, i);
}
#else
#define wthreshold_direct_access NULL
#define wthreshold_dax_zero_page_range NULL
#define wthreshold_dax_recovery_write NULL
#endif

static struct target_type wthreshold_target = {
	.name = QDM_TARGET_WTHRESHOLD,
	.version = { 1, 1, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_NOWAIT | DM_TARGET_PASSES_INTEGRITY |
		    DM_TARGET_PASSES_CRYPTO | DM_TARGET_ZONED_HM |
		    QDM_TARGET_ATOMIC_WRITES,
	.ctr = wthreshold_ctr,
	.dtr = wthreshold_dtr,
	.map = wthreshold_map,
	.resume = wthreshold_resume,
	.postsuspend = wthreshold_postsuspend,
	.message = wthreshold_message,
	.status = wthreshold_status,
	.iterate_devices = wthreshold_iterate_devices,
	.io_hints = wthreshold_io_hints,
	.prepare_ioctl = wthreshold_prepare_ioctl,
	.report_zones = wthreshold_report_zones,
	.direct_access = wthreshold_direct_access,
	.dax_zero_page_range = wthreshold_dax_zero_page_range,
	.dax_recovery_write = wthreshold_dax_recovery_write,
};
module_dm(wthreshold);

MODULE_DESCRIPTION("device-mapper target that raises an event when writes pass an offset");
MODULE_AUTHOR("the qdm developers");
MODULE_VERSION(QDM_VERSION);
MODULE_LICENSE("GPL");
