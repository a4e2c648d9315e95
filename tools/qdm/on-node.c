// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands on nodes and edges. A handler turns checked arguments into a plan;
 * what the plan does to device-mapper is edit.c's matter.
 */
#include <stdio.h>
#include <string.h>

#include "edit.h"
#include "group.h"
#include "handlers.h"

#define CLUSTER_BYTES_MIN	65536
#define CLUSTER_BYTES_MAX	(1024u * 1024 * 1024)
#define CBW_TIMEOUT_MAX		1000000
#define SECTOR			512

static const char * const policies[] = {
	"break-guest-write", "break-snapshot", NULL
};

static const struct arg throttle_args[] = {
	{ .name = "throttle-group", .type = ARG_STRING, .must = true,
	  .what = "a group that is there" },
	{ 0 }
};

static const struct arg threshold_args[] = {
	{ .name = "write-threshold", .type = ARG_SIZE, .must = true,
	  .what = "bytes from the start of the node; 0 is off" },
	{ 0 }
};

static const struct arg cbw_args[] = {
	{ .name = "target", .type = ARG_STRING, .must = true,
	  .what = "where old data goes: a node, or a device by its path" },
	{ .name = "on-cbw-error", .type = ARG_WORD, .words = policies,
	  .def = "break-guest-write",
	  .what = "what gives way when a copy fails" },
	{ .name = "cbw-timeout", .type = ARG_SIZE, .max = CBW_TIMEOUT_MAX,
	  .def = "0", .what = "seconds a writer waits; 0 is for ever" },
	{ .name = "min-cluster-size", .type = ARG_SIZE,
	  .max = CLUSTER_BYTES_MAX, .def = "0",
	  .what = "bytes, a power of two; less than 64 KiB means 64 KiB" },
	{ 0 }
};

static const char * const driver_names[] = {
	"copy-before-write", "throttle", "write-threshold", NULL
};

static const struct arg_case driver_cases[] = {
	{ "copy-before-write", cbw_args },
	{ "throttle", throttle_args },
	{ "write-threshold", threshold_args },
	{ 0 }
};

const struct arg blockdev_add_args[] = {
	{ .name = "driver", .type = ARG_WORD, .must = true,
	  .words = driver_names, .cases = driver_cases,
	  .what = "the kind of filter" },
	{ .name = "node-name", .type = ARG_STRING, .must = true,
	  .what = "the new node's name" },
	{ .name = "file", .type = ARG_STRING, .must = true,
	  .what = "by name: under this device, or on this node; by path: on top of this device" },
	{ 0 }
};

static int add_throttle(struct call *call, struct filter *filter,
			struct error *error)
{
	const char *group = call_word(call, "throttle-group");
	struct error ignored = { 0 };

	if (group_check_name(group, &ignored) || !group_exists(group))
		return refuse(error, "Throttle group '%s' does not exist",
			      group);
	filter->tail = group;
	return edit_add(&call->graph, filter, &call->plan, error);
}

static int add_threshold(struct call *call, struct filter *filter,
			 struct error *error)
{
	char tail[32];

	snprintf(tail, sizeof(tail), "%llu", (unsigned long long)
		 call_size(call, "write-threshold"));
	filter->tail = tail;
	return edit_add(&call->graph, filter, &call->plan, error);
}

static int add_cbw(struct call *call, struct filter *filter,
		   struct error *error)
{
	uint64_t cluster = call_size(call, "min-cluster-size");
	char tail[160];

	if (cluster & (cluster - 1))
		return refuse(error, "min-cluster-size needs to be a power of 2");
	if (cluster < CLUSTER_BYTES_MIN)
		cluster = CLUSTER_BYTES_MIN;
	snprintf(tail, sizeof(tail),
		 "%llu 6 sync none on-cbw-error %s cbw-timeout %llu",
		 (unsigned long long)cluster / SECTOR,
		 call_word(call, "on-cbw-error"), (unsigned long long)
		 call_size(call, "cbw-timeout"));
	filter->tail = tail;
	filter->target = call_word(call, "target");
	return edit_add(&call->graph, filter, &call->plan, error);
}

static const struct driver {
	const char *name;
	enum kind kind;
	int (*add)(struct call *call, struct filter *filter,
		   struct error *error);
} drivers[] = {
	{ "copy-before-write", KIND_BACKUP, add_cbw },
	{ "throttle", KIND_THROTTLE, add_throttle },
	{ "write-threshold", KIND_THRESHOLD, add_threshold },
};

int blockdev_add(struct call *call, struct error *error)
{
	const struct driver *driver = drivers;
	struct filter filter = { 0 };

	while (strcmp(driver->name, call_word(call, "driver")))
		driver++;
	filter.name = call_word(call, "node-name");
	filter.kind = driver->kind;
	filter.file = call_word(call, "file");
	return driver->add(call, &filter, error);
}

const struct arg node_name_args[] = {
	{ .name = "node-name", .type = ARG_STRING, .must = true,
	  .what = "a node" },
	{ 0 }
};

int blockdev_del(struct call *call, struct error *error)
{
	return edit_delete(&call->graph, call_word(call, "node-name"), &call->plan,
			   error);
}

const struct arg edge_args[] = {
	{ .name = "parent", .type = ARG_STRING, .must = true,
	  .what = "the device or node above" },
	{ .name = "child", .type = ARG_STRING, .must = true,
	  .what = "the node or device (by path) below" },
	{ .name = "node", .type = ARG_STRING, .must = true,
	  .what = "the filter between them" },
	{ 0 }
};

int block_insert_node(struct call *call, struct error *error)
{
	return edit_insert(&call->graph, call_word(call, "parent"),
			   call_word(call, "child"), call_word(call, "node"),
			   &call->plan, error);
}

int block_remove_node(struct call *call, struct error *error)
{
	return edit_remove(&call->graph, call_word(call, "parent"),
			   call_word(call, "child"), call_word(call, "node"),
			   &call->plan, error);
}

const struct arg threshold_set_args[] = {
	{ .name = "node-name", .type = ARG_STRING, .must = true,
	  .what = "a write-threshold node, or one above it" },
	{ .name = "write-threshold", .type = ARG_SIZE, .must = true,
	  .what = "bytes; 0 is off" },
	{ 0 }
};

int block_set_write_threshold(struct call *call, struct error *error)
{
	return edit_threshold(&call->graph, call_word(call, "node-name"),
			      call_size(call, "write-threshold"),
			      &call->plan, error);
}

const struct arg resize_args[] = {
	{ .name = "node-name", .type = ARG_STRING, .must = true,
	  .what = "a node that nothing lies on" },
	{ .name = "size", .type = ARG_SIZE, .must = true,
	  .what = "bytes" },
	{ 0 }
};

int block_resize(struct call *call, struct error *error)
{
	return edit_resize(&call->graph, call_word(call, "node-name"),
			   call_size(call, "size"),
			   &call->plan, error);
}
