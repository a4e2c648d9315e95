// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * block_set_io_throttle, the older way to limit a device, without making a group or a
 * node. edit/limit.c has its effect on the device.
 */
#include "edit/limit.h"
#include "qmp/commands/handlers.h"
#include "qmp/commands/limit.h"

/* In the order of limit_names. */
static const char * const old_names[LIMITS_NR] = {
#define THREE(name)	name, name "_max", name "_max_length"
	THREE("bps"), THREE("bps_rd"), THREE("bps_wr"),
	THREE("iops"), THREE("iops_rd"), THREE("iops_wr"),
#undef THREE
	"iops_size",
};

const struct arg io_throttle_args[] = {
	{ .name = "id", .type = ARG_STRING, .what = "the device" },
	{ .name = "device", .type = ARG_STRING,
	  .what = "the same; one of them must be given" },
#define RATE(rate, unit) \
	{ .name = rate, .type = ARG_INT, .must = true, .what = unit }, \
	{ .name = rate "_max", .type = ARG_INT, .what = unit ", in bursts" }, \
	{ .name = rate "_max_length", .type = ARG_INT, \
	  .what = "seconds that a burst may last" }
	RATE("bps", "bytes per second in all"),
	RATE("bps_rd", "bytes per second read"),
	RATE("bps_wr", "bytes per second written"),
	RATE("iops", "operations per second in all"),
	RATE("iops_rd", "reads per second"),
	RATE("iops_wr", "writes per second"),
#undef RATE
	{ .name = "iops_size", .type = ARG_INT,
	  .what = "bytes beyond which a request counts as several" },
	{ .name = "group", .type = ARG_STRING,
	  .what = "a group to share the limits with; a missing one is made, and deleted with its last member" },
	{ .name = "x-discard", .type = ARG_WORD, .words = throttle_discards,
	  .what = "how a discard is charged: as one operation, or by its length; unchanged if not given" },
	{ 0 }
};

const char *limit_old_name(int i)
{
	return old_names[i];
}

static int read_limits(const struct call *call, struct limits *limits,
		       struct error *error)
{
	struct json_object *value;
	int i;

	limits_init(limits);
	for (i = 0; i < LIMITS_NR; i++) {
		value = call_value(call, old_names[i]);
		if (value && limits_set(limits, limit_names[i],
					json_object_get_int64(value), error))
			return -1;
	}
	return limits_check(limits, error);
}

int block_set_io_throttle(struct call *call, struct error *error)
{
	struct limiting wanted = {
		.device = call_word(call, "id"),
		.group = call_word(call, "group"),
	};

	if (!wanted.device == !call_word(call, "device"))
		return refuse(error, "Need exactly one of 'device' and 'id'");
	if (!wanted.device)
		wanted.device = call_word(call, "device");
	wanted.discard = call_word(call, "x-discard");
	if (read_limits(call, &wanted.limits, error))
		return -1;
	return limit_device(&call->graph, &wanted, &call->plan, error);
}
