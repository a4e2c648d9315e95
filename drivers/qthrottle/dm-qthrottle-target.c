// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-qthrottle limits bytes and operations per second with bursts, as QEMU's
 * throttle filter does, for one device or a group of devices. This file handles
 * lines, messages, status and suspend. The rules are in bucket.c, queueing and
 * turns in group.c, names in configfs.c.
 *
 * Life: a table takes a reference to its group in ctr and drops it in dtr. It
 * joins the group when it resumes and leaves in postsuspend, so a table that is
 * loaded but never used has no effect. presuspend releases all waiting
 * requests, also without flush, as dm waits for them either way. The options
 * are written in ctr and by messages, which dm serializes per device only
 * against table changes; so weight and limits are changed under the group's
 * lock.
 */
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "args.h"
#include "debug.h"
#include "edge.h"
#include "group.h"
#include "lower.h"
#include "options.h"
#include "device-state.h"

#define DM_MSG_PREFIX QDM_TARGET_QTHROTTLE

#define LINE "<dev> <offset> <group> [<#opts> {<option> <value>}...]"
#define MESSAGES "limits {<limit> <value>}..., weight <1-1000>"

/**
 * struct history - a device's state, whatever its table
 * @head: finds it
 * @past: statistics and debt
 */
struct history {
	struct qdm_device_state head;
	struct qt_past past;
};

/**
 * struct qthrottle - one table
 * @lower: the device below
 * @history: the device's statistics and debt
 * @member: this device in the group
 * @options: of the line
 * @has_limits: the line has limits
 * @sets_limits: they differ from those in force, not yet set
 * @edge: registers the line above @lower
 */
struct qthrottle {
	struct qdm_lower lower;
	struct history *history;
	struct qt_member member;
	struct qt_options options;
	bool has_limits;
	bool sets_limits;
	struct qdm_edge edge;
};

static struct qdm_device_state *create_history(void)
{
	struct history *history = kzalloc(sizeof(*history), GFP_KERNEL);

	return history ? &history->head : NULL;
}

static void destroy_history(struct qdm_device_state *head)
{
	kfree(container_of(head, struct history, head));
}

static struct qdm_state_registry histories =
	QDM_STATE_REGISTRY_INIT(histories, create_history, destroy_history);

static int parse_options(struct qthrottle *qt, unsigned int argc, char **argv,
			 struct qdm_why *why)
{
	u64 given;
	int r;

	qdm_opts_default(&qt_option_table, &qt->options);
	r = qdm_opts_parse_group(&qt_option_table, &qt->options, argc, argv,
				 &given, why);
	if (r)
		return r;
	qt->has_limits = given & ((1ULL << QT_NR_LIMITS) - 1);
	return qt_limits_judge(&qt->options.limits, why);
}

/*
 * A line with the limits in force is a reload for another reason: it leaves the
 * limits alone, even if they change before the resume.
 */
static bool changes_limits(struct qthrottle *qt)
{
	struct qt_limits limits;

	qt_group_read_limits(qt->member.group, &limits);
	return memcmp(&limits, &qt->options.limits, sizeof(limits));
}

static int join_group(struct qthrottle *qt, struct dm_target *ti,
		      const char *name, struct qdm_why *why)
{
	struct qt_group *group = qt_group_get(name, why);
	int r;

	if (IS_ERR(group))
		return PTR_ERR(group);
	r = qt_member_init(&qt->member, group, dm_table_get_md(ti->table),
			   &qt->history->past);
	if (r) {
		qdm_refuse(why, "no memory for a workqueue");
		qt_group_put(group);
		return r;
	}
	qt->sets_limits = qt->has_limits && changes_limits(qt);
	qt->member.weight = qt->options.weight;
	qt->member.urgent_waits = qt->options.urgent;
	qt->member.discard_bytes = qt->options.discard;
	return 0;
}

static int get_history(struct qthrottle *qt, struct dm_target *ti,
		       struct qdm_why *why)
{
	struct qdm_device_state *head = qdm_device_state_get(&histories, ti);

	if (!head) {
		qdm_refuse(why, "no memory for statistics");
		return -ENOMEM;
	}
	qt->history = container_of(head, struct history, head);
	return 0;
}

/*
 * Writes to a zone must arrive in order. A released one is handed to a worker,
 * and one that arrives then and need not wait would overtake it.
 */
static int refuse_zoned(struct qthrottle *qt, const char *path,
			struct qdm_why *why)
{
	if (!bdev_is_zoned(qt->lower.dev->bdev))
		return 0;
	return qdm_refuse(why, "'%.70s' is zoned: throttled writes would not stay in order",
			  path);
}

static int take_references(struct qthrottle *qt, struct dm_target *ti,
			   char **argv, struct qdm_why *why)
{
	int r = refuse_zoned(qt, argv[0], why);

	if (!r)
		r = get_history(qt, ti, why);
	if (r)
		return r;
	r = join_group(qt, ti, argv[2], why);
	if (r)
		qdm_device_state_put(&histories, &qt->history->head);
	return r;
}

static int open_line(struct qthrottle *qt, struct dm_target *ti,
		     unsigned int argc, char **argv, struct qdm_why *why)
{
	int r;

	if (argc < 3)
		return qdm_refuse(why, "%u words, needed are: " LINE, argc);
	r = parse_options(qt, argc - 3, argv + 3, why);
	if (r)
		return r;
	r = qdm_lower_get(&qt->lower, ti, argv[0], argv[1], why);
	if (r)
		return r;
	r = take_references(qt, ti, argv, why);
	if (r)
		qdm_lower_put(&qt->lower, ti);
	return r;
}

static int qthrottle_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct qthrottle *qt = kzalloc(sizeof(*qt), GFP_KERNEL);
	struct qdm_why why;
	int r;

	if (!qt) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	r = open_line(qt, ti, argc, argv, &why);
	if (r) {
		qdm_refuse_table(ti, &why);
		kfree(qt);
		return r;
	}
	qdm_edge_add(&qt->edge, ti, &qt->lower);
	qdm_lower_pass_all(ti);
	ti->per_io_data_size = sizeof(struct qt_bio);
	ti->accounts_remapped_io = true;
	ti->private = qt;
	return 0;
}

static void qthrottle_dtr(struct dm_target *ti)
{
	struct qthrottle *qt = ti->private;

	qdm_edge_del(&qt->edge);
	qt_member_exit(&qt->member);
	qt_group_put(qt->member.group);
	qdm_device_state_put(&histories, &qt->history->head);
	qdm_lower_put(&qt->lower, ti);
	kfree(qt);
}

static int qthrottle_map(struct dm_target *ti, struct bio *bio)
{
	struct qthrottle *qt = ti->private;

	qdm_lower_map(&qt->lower, bio);
	if (qt_member_admit(&qt->member, bio))
		return DM_MAPIO_REMAPPED;
	return DM_MAPIO_SUBMITTED;
}

static void qthrottle_presuspend(struct dm_target *ti)
{
	struct qthrottle *qt = ti->private;

	qt_member_drain(&qt->member);
}

static void qthrottle_presuspend_undo(struct dm_target *ti)
{
	struct qthrottle *qt = ti->private;

	qt_member_undrain(&qt->member);
}

static void qthrottle_postsuspend(struct dm_target *ti)
{
	struct qthrottle *qt = ti->private;

	qt_member_leave(&qt->member);
	qdm_edge_postsuspend(&qt->edge);
}

static void qthrottle_resume(struct dm_target *ti)
{
	struct qthrottle *qt = ti->private;
	struct qdm_why why;

	if (qt->sets_limits)
		qt_group_set_limits(qt->member.group, &qt->options.limits,
				    &why);
	qt->sets_limits = false;
	qt_member_join(&qt->member);
	qdm_edge_resume(&qt->edge);
}

static int message_weight(struct qthrottle *qt, unsigned int argc, char **argv,
			  struct qdm_why *why)
{
	u64 weight;
	int r;

	if (argc != 1)
		return qdm_refuse(why, "weight takes one number, not %u words",
				  argc);
	r = qdm_parse_u64("weight", argv[0], QT_WEIGHT_MIN, QT_WEIGHT_MAX,
			  &weight, why);
	if (!r)
		qt_member_set_weight(&qt->member, weight);
	return r;
}

static int message_limits(struct qthrottle *qt, unsigned int argc, char **argv,
			  struct qdm_why *why)
{
	if (!argc)
		return qdm_refuse(why, "limits takes pairs of <limit> <value>");
	return qt_group_change_limits(qt->member.group, argc, argv, why);
}

static int qthrottle_message(struct dm_target *ti, unsigned int argc,
			     char **argv, char *result, unsigned int maxlen)
{
	struct qthrottle *qt = ti->private;
	struct qdm_why why;
	int r;

	if (!strcasecmp(argv[0], "limits"))
		r = message_limits(qt, argc - 1, argv + 1, &why);
	else if (!strcasecmp(argv[0], "weight"))
		r = message_weight(qt, argc - 1, argv + 1, &why);
	else
		r = qdm_refuse(&why, "unknown message '%.40s', allowed are: "
			       MESSAGES, argv[0]);
	return r ? qdm_refuse_message(ti, &why) : 0;
}

/*
 * INFO: <group>, and for reads and then for writes: <waiting> <delayed>
 *	 <bytes delayed> <total delay ns> <longest delay ns>
 *	 <times bps was full> <times iops was full>
 */
static unsigned int emit_info(struct qthrottle *qt, char *result,
			      unsigned int maxlen)
{
	struct qt_stats stats;
	unsigned int sz = 0;
	int dir;

	DMEMIT("%s", qt_group_name(qt->member.group));
	for (dir = 0; dir < QT_DIRS; dir++) {
		qt_member_read_stats(&qt->member, dir, &stats);
		DMEMIT(" %llu %llu %llu %llu %llu %llu %llu", stats.waiting,
		       stats.delayed, stats.bytes, stats.total_ns,
		       stats.longest_ns,
		       stats.full[QT_BPS_TOTAL] +
		       stats.full[QT_BPS_TOTAL + 1 + dir],
		       stats.full[QT_OPS_TOTAL] +
		       stats.full[QT_OPS_TOTAL + 1 + dir]);
	}
	return sz;
}

/*
 * The limits in force, also if changed by a message; but a line that leaves a
 * named group's limits alone must do so again when it is loaded.
 */
static void current_options(struct qthrottle *qt, struct qt_options *options)
{
	struct qt_group *group = qt->member.group;
	bool named = strcmp(qt_group_name(group), QDM_GROUP_PRIVATE);

	*options = qt->options;
	options->weight = READ_ONCE(qt->member.weight);
	if (!qt->sets_limits && (qt->has_limits || !named))
		qt_group_read_limits(group, &options->limits);
}

static void qthrottle_status(struct dm_target *ti, status_type_t type,
			     unsigned int flags, char *result,
			     unsigned int maxlen)
{
	struct qthrottle *qt = ti->private;
	const char *group = qt_group_name(qt->member.group);
	struct qt_options options;
	unsigned int sz = 0;

	current_options(qt, &options);
	switch (type) {
	case STATUSTYPE_INFO:
		sz += emit_info(qt, result, maxlen);
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %llu %s", qt->lower.dev->name,
		       (u64)qt->lower.start, group);
		sz += qdm_opts_emit(&qt_option_table, &options, result + sz,
				    maxlen - sz);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",device_name=%s,start=%llu,group=%s",
		       qt->lower.dev->name, (u64)qt->lower.start, group);
		sz += qdm_opts_emit_ima(&qt_option_table, &options,
					result + sz, maxlen - sz);
		DMEMIT(";");
		break;
	}
}

static int qthrottle_iterate_devices(struct dm_target *ti,
				     iterate_devices_callout_fn fn, void *data)
{
	struct qthrottle *qt = ti->private;

	return qdm_lower_iterate(&qt->lower, ti, fn, data);
}

/* No limits to set: dm calls this for each table it swaps in. */
static void qthrottle_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct qthrottle *qt = ti->private;

	qdm_edge_swap(&qt->edge);
}

static int QDM_PREPARE_IOCTL(qthrottle_prepare_ioctl)
{
	struct qthrottle *qt = ti->private;

	return qdm_lower_prepare_ioctl(&qt->lower, ti, bdev);
}

static struct target_type qthrottle_target = {
	.name = QDM_TARGET_QTHROTTLE,
	.version = { 1, 1, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_NOWAIT | DM_TARGET_PASSES_INTEGRITY |
		    DM_TARGET_PASSES_CRYPTO | QDM_TARGET_ATOMIC_WRITES,
	.ctr = qthrottle_ctr,
	.dtr = qthrottle_dtr,
	.map = qthrottle_map,
	.presuspend = qthrottle_presuspend,
	.presuspend_undo = qthrottle_presuspend_undo,
	.postsuspend = qthrottle_postsuspend,
	.resume = qthrottle_resume,
	.message = qthrottle_message,
	.status = qthrottle_status,
	.iterate_devices = qthrottle_iterate_devices,
	.io_hints = qthrottle_io_hints,
	.prepare_ioctl = qthrottle_prepare_ioctl,
};

static int __init qthrottle_init(void)
{
	int r;

	r = qt_groups_init();
	if (r)
		return r;
	r = qt_configfs_init();
	if (r)
		goto out_groups;
	r = dm_register_target(&qthrottle_target);
	if (r)
		goto out_configfs;
	qt_debug_init();
	return 0;

out_configfs:
	qt_configfs_exit();
out_groups:
	qt_groups_exit();
	return r;
}
module_init(qthrottle_init);

static void __exit qthrottle_exit(void)
{
	qt_debug_exit();
	dm_unregister_target(&qthrottle_target);
	qt_configfs_exit();
	qt_groups_exit();
}
module_exit(qthrottle_exit);

MODULE_DESCRIPTION("device-mapper target that throttles by QEMU's rules");
MODULE_AUTHOR("the qdm developers");
MODULE_VERSION(QDM_VERSION);
MODULE_LICENSE("GPL");
