// SPDX-License-Identifier: GPL-2.0-only
/*
 * dm-qtemplate counts the requests that pass through it. It is the smallest
 * complete filter on common/: copy this folder to begin a new one
 * (CONTRIBUTING.md lists the steps). The tests build it; it is not installed.
 * dm-qguard shows additional needs of a permanent filter: zones and DAX.
 *
 * Locking: none; the counters are atomic.
 * Life: struct counters belongs to the mapped device and outlives its tables,
 * so that a reload loses no numbers. Each table holds one reference, taken in
 * the constructor and dropped in the destructor.
 */
#include <linux/atomic.h>
#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "args.h"
#include "edge.h"
#include "lower.h"
#include "device-state.h"

#define DM_MSG_PREFIX "qtemplate"

#define LINE "<dev> <offset> [<#opts> {<option> <value>}...]"

enum { COUNT_ALL, COUNT_READS, COUNT_WRITES };

static const char * const count_words[] = { "all", "reads", "writes", NULL };

struct qtemplate_options {
	u64 count;
};

static const struct qdm_opt qtemplate_opts[] = {
	{
		.name = "count",
		.offset = offsetof(struct qtemplate_options, count),
		.words = count_words,
	},
};

static const struct qdm_opt_table qtemplate_table = {
	qtemplate_opts, ARRAY_SIZE(qtemplate_opts)
};

/**
 * struct counters - state of a device that outlives its tables
 * @head: finds it
 * @requests: number of requests passed
 * @bytes: number of bytes in them
 */
struct counters {
	struct qdm_device_state head;
	atomic64_t requests;
	atomic64_t bytes;
};

/**
 * struct qtemplate - one table line
 * @lower: the device below
 * @edge: registers the line above @lower
 * @options: options of the line
 * @counters: the device's counters
 */
struct qtemplate {
	struct qdm_lower lower;
	struct qdm_edge edge;
	struct qtemplate_options options;
	struct counters *counters;
};

static struct qdm_device_state *create_counters(void)
{
	struct counters *counters = kzalloc(sizeof(*counters), GFP_KERNEL);

	return counters ? &counters->head : NULL;
}

static void destroy_counters(struct qdm_device_state *head)
{
	kfree(container_of(head, struct counters, head));
}

static struct qdm_state_registry all_counters =
	QDM_STATE_REGISTRY_INIT(all_counters, create_counters,
				destroy_counters);

static int parse_line(struct qtemplate *tmpl, struct dm_target *ti,
		      unsigned int argc, char **argv, struct qdm_why *why)
{
	int r;

	if (argc < 2)
		return qdm_refuse(why, "%u words, needed are: " LINE, argc);
	qdm_opts_default(&qtemplate_table, &tmpl->options);
	r = qdm_opts_parse_group(&qtemplate_table, &tmpl->options, argc - 2,
				 argv + 2, NULL, why);
	if (r)
		return r;
	return qdm_lower_get(&tmpl->lower, ti, argv[0], argv[1], why);
}

static int qtemplate_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct qtemplate *tmpl = kzalloc(sizeof(*tmpl), GFP_KERNEL);
	struct qdm_device_state *head;
	struct qdm_why why;
	int r;

	if (!tmpl) {
		ti->error = "Out of memory";
		return -ENOMEM;
	}
	r = parse_line(tmpl, ti, argc, argv, &why);
	if (r) {
		qdm_refuse_table(ti, &why);
		goto out_free;
	}
	head = qdm_device_state_get(&all_counters, ti);
	if (!head) {
		ti->error = "Out of memory";
		r = -ENOMEM;
		goto out_put;
	}
	tmpl->counters = container_of(head, struct counters, head);
	qdm_edge_add(&tmpl->edge, ti, &tmpl->lower);
	qdm_lower_pass_all(ti);
	ti->private = tmpl;
	return 0;

out_put:
	qdm_lower_put(&tmpl->lower, ti);
out_free:
	kfree(tmpl);
	return r;
}

static void qtemplate_dtr(struct dm_target *ti)
{
	struct qtemplate *tmpl = ti->private;

	qdm_edge_del(&tmpl->edge);
	qdm_device_state_put(&all_counters, &tmpl->counters->head);
	qdm_lower_put(&tmpl->lower, ti);
	kfree(tmpl);
}

static bool counts(const struct qtemplate *tmpl, const struct bio *bio)
{
	if (!qdm_has_data(bio) || tmpl->options.count == COUNT_ALL)
		return qdm_has_data(bio);
	return op_is_write(bio_op(bio)) == (tmpl->options.count == COUNT_WRITES);
}

/* The hot path: no lock, no allocation, nothing that sleeps. */
static int qtemplate_map(struct dm_target *ti, struct bio *bio)
{
	struct qtemplate *tmpl = ti->private;

	if (counts(tmpl, bio)) {
		atomic64_inc(&tmpl->counters->requests);
		atomic64_add(bio->bi_iter.bi_size, &tmpl->counters->bytes);
	}
	qdm_lower_map(&tmpl->lower, bio);
	return DM_MAPIO_REMAPPED;
}

/* All I/O has completed; a filter that holds bios releases them in presuspend. */
static void qtemplate_postsuspend(struct dm_target *ti)
{
	struct qtemplate *tmpl = ti->private;

	qdm_edge_postsuspend(&tmpl->edge);
}

/* A line takes effect here: one that is only loaded changes nothing. */
static void qtemplate_resume(struct dm_target *ti)
{
	struct qtemplate *tmpl = ti->private;

	qdm_edge_resume(&tmpl->edge);
}

static int qtemplate_message(struct dm_target *ti, unsigned int argc,
			     char **argv, char *result, unsigned int maxlen)
{
	struct qtemplate *tmpl = ti->private;
	struct qdm_why why;

	if (argc != 1 || strcasecmp(argv[0], "reset")) {
		qdm_refuse(&why, "unknown message '%.40s', allowed is: reset",
			   argv[0]);
		return qdm_refuse_message(ti, &why);
	}
	atomic64_set(&tmpl->counters->requests, 0);
	atomic64_set(&tmpl->counters->bytes, 0);
	return 0;
}

/* INFO: <requests> <bytes> */
static void qtemplate_status(struct dm_target *ti, status_type_t type,
			     unsigned int flags, char *result,
			     unsigned int maxlen)
{
	struct qtemplate *tmpl = ti->private;
	unsigned int sz = 0;

	switch (type) {
	case STATUSTYPE_INFO:
		DMEMIT("%lld %lld", atomic64_read(&tmpl->counters->requests),
		       atomic64_read(&tmpl->counters->bytes));
		break;
	case STATUSTYPE_TABLE:
		DMEMIT("%s %llu", tmpl->lower.dev->name, (u64)tmpl->lower.start);
		sz += qdm_opts_emit(&qtemplate_table, &tmpl->options,
				    result + sz, maxlen - sz);
		break;
	case STATUSTYPE_IMA:
		DMEMIT_TARGET_NAME_VERSION(ti->type);
		DMEMIT(",device_name=%s,start=%llu", tmpl->lower.dev->name,
		       (u64)tmpl->lower.start);
		sz += qdm_opts_emit_ima(&qtemplate_table, &tmpl->options,
					result + sz, maxlen - sz);
		DMEMIT(";");
		break;
	}
}

static int qtemplate_iterate_devices(struct dm_target *ti,
				     iterate_devices_callout_fn fn, void *data)
{
	struct qtemplate *tmpl = ti->private;

	return qdm_lower_iterate(&tmpl->lower, ti, fn, data);
}

/* dm calls this as it swaps the table in. */
static void qtemplate_io_hints(struct dm_target *ti, struct queue_limits *limits)
{
	struct qtemplate *tmpl = ti->private;

	qdm_edge_swap(&tmpl->edge);
}

static int QDM_PREPARE_IOCTL(qtemplate_prepare_ioctl)
{
	struct qtemplate *tmpl = ti->private;

	return qdm_lower_prepare_ioctl(&tmpl->lower, ti, bdev);
}

static struct target_type qtemplate_target = {
	.name = "qtemplate",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_NOWAIT | DM_TARGET_PASSES_INTEGRITY |
		    DM_TARGET_PASSES_CRYPTO | QDM_TARGET_ATOMIC_WRITES,
	.ctr = qtemplate_ctr,
	.dtr = qtemplate_dtr,
	.map = qtemplate_map,
	.postsuspend = qtemplate_postsuspend,
	.resume = qtemplate_resume,
	.message = qtemplate_message,
	.status = qtemplate_status,
	.iterate_devices = qtemplate_iterate_devices,
	.io_hints = qtemplate_io_hints,
	.prepare_ioctl = qtemplate_prepare_ioctl,
};
module_dm(qtemplate);

MODULE_DESCRIPTION("device-mapper target that counts requests: a template for new filters");
MODULE_AUTHOR("the qdm developers");
MODULE_VERSION(QDM_VERSION);
MODULE_LICENSE("GPL");
