// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Commands on nodes and edges. A handler turns checked arguments into a plan; edit/ has
 * its effect on device-mapper.
 */
#include <stdio.h>
#include <string.h>

#include "edit/edit.h"
#include "edit/limit.h"
#include "graph/job-memory.h"
#include "graph/resolve.h"
#include "kernel/groups.h"
#include "qmp/commands/handlers.h"

#define CLUSTER_BYTES_MIN	65536
#define CLUSTER_BYTES_MAX	(1024u * 1024 * 1024)
#define CBW_TIMEOUT_MAX		1000000
#define SECTOR			512
#define TAIL_LEN		160

static const char * const policies[] = {
	"break-guest-write", "break-snapshot", NULL
};

#define FILE_ARG \
	{ .name = "file", .type = ARG_ANY, .must = true, \
	  .what = "by name: under this device, or on this node; by path, or as {\"driver\": \"host_device\", \"filename\": PATH}: on top of this device" }

static const char * const discards[] = { "ignore", "unmap", NULL };
static const char * const aios[] = { "threads", "native", "io_uring", NULL };

static const struct arg cache_args[] = {
	{ .name = "direct", .type = ARG_BOOL },
	{ .name = "no-flush", .type = ARG_BOOL },
	{ 0 }
};

#define IDLE_WORD	"accepted for compatibility with QEMU"

static const char * const zeroes[] = { "off", NULL };
static const char * const more_zeroes[] = { "on", "unmap", NULL };

/* What QEMU's clients say of any node; see check_generic(). */
#define GENERIC_ARGS \
	{ .name = "read-only", .type = ARG_BOOL, .def = "false", \
	  .what = "only false" }, \
	{ .name = "auto-read-only", .type = ARG_BOOL, .what = IDLE_WORD }, \
	{ .name = "discard", .type = ARG_WORD, .words = discards, \
	  .what = IDLE_WORD }, \
	{ .name = "detect-zeroes", .type = ARG_WORD, .words = zeroes, \
	  .hushed = more_zeroes, .def = "off", .what = "only off" }, \
	{ .name = "force-share", .type = ARG_BOOL, .def = "false", \
	  .what = "only false" }, \
	{ .name = "cache", .type = ARG_OBJECT, .members = cache_args, \
	  .what = IDLE_WORD }

#define HOST_ARGS \
	{ .name = "filename", .type = ARG_STRING, .must = true, \
	  .what = "the device, by its path" }, \
	{ .name = "aio", .type = ARG_WORD, .words = aios, .what = IDLE_WORD }, \
	{ .name = "pr-manager", .type = ARG_ANY, .what = "only null" }

static const struct arg host_args[] = { HOST_ARGS, GENERIC_ARGS, { 0 } };

static const struct arg raw_args[] = {
	{ .name = "file", .type = ARG_ANY, .must = true },
	GENERIC_ARGS,
	{ 0 }
};

/*
 * As clients of QEMU may write what a filter lies on, without a node of its own: a leaf,
 * and over it or over a node the driver raw, which does nothing.
 */
static const char * const inline_drivers[] = { "host_device", "raw", NULL };

static const struct arg_case inline_cases[] = {
	{ "host_device", host_args },
	{ "raw", raw_args },
	{ 0 }
};

static const struct arg inline_args[] = {
	{ .name = "driver", .type = ARG_WORD, .must = true,
	  .words = inline_drivers, .cases = inline_cases },
	{ .name = "node-name", .type = ARG_STRING, .what = IDLE_WORD },
	{ 0 }
};

static const struct arg throttle_args[] = {
	FILE_ARG,
	{ .name = "throttle-group", .type = ARG_STRING, .must = true,
	  .what = "an existing group" },
	{ .name = "x-discard", .type = ARG_WORD, .words = throttle_discards,
	  .def = "ops",
	  .what = "how a discard is charged: as one operation, or by its length" },
	GENERIC_ARGS,
	{ 0 }
};

const char * const threshold_discards[] = { "ignore", "count", NULL };

static const struct arg threshold_args[] = {
	FILE_ARG,
	{ .name = "write-threshold", .type = ARG_SIZE, .must = true,
	  .what = "bytes from the start of the node; 0 is off" },
	{ .name = "x-discard", .type = ARG_WORD, .words = threshold_discards,
	  .def = "ignore", .what = "whether a discard counts as a write" },
	GENERIC_ARGS,
	{ 0 }
};

static const struct arg cbw_args[] = {
	FILE_ARG,
	{ .name = "target", .type = ARG_ANY, .must = true,
	  .what = "the destination: a node, or a device as in file" },
	{ .name = "on-cbw-error", .type = ARG_WORD, .words = policies,
	  .def = "break-guest-write",
	  .what = "which side fails on a copy-before-write error: break-guest-write fails the write, and a file system becomes read-only; break-snapshot ends the backup" },
	{ .name = "cbw-timeout", .type = ARG_SIZE, .max = CBW_TIMEOUT_MAX,
	  .def = "0", .what = "time limit of a deferred write in seconds; 0 is none" },
	{ .name = "min-cluster-size", .type = ARG_SIZE,
	  .max = CLUSTER_BYTES_MAX, .def = "0",
	  .what = "bytes, a power of two; less than 64 KiB means 64 KiB" },
	GENERIC_ARGS,
	{ 0 }
};

static const char * const driver_names[] = {
	"copy-before-write", "host_device", "throttle", "write-threshold", NULL
};

/* It would be a node without a device. */
static const char * const raw_driver[] = { "raw", NULL };

static const struct arg_case driver_cases[] = {
	{ "copy-before-write", cbw_args },
	{ "host_device", host_args },
	{ "raw", raw_args },
	{ "throttle", throttle_args },
	{ "write-threshold", threshold_args },
	{ 0 }
};

const struct arg blockdev_add_args[] = {
	{ .name = "driver", .type = ARG_WORD, .must = true,
	  .words = driver_names, .hushed = raw_driver, .cases = driver_cases,
	  .what = "the kind of node" },
	{ .name = "node-name", .type = ARG_STRING,
	  .what = "the new node's name; must be given" },
	{ 0 }
};

/* Of these options only those values are taken that change nothing. */
static int check_generic(const struct arg *table, struct json_object *given,
			 struct error *error)
{
	static const char * const only[] = {
		"read-only", "detect-zeroes", "force-share",
	};
	const char *word, *allowed;
	size_t i;

	for (i = 0; i < sizeof(only) / sizeof(*only); i++) {
		word = arg_string(table, given, only[i]);
		allowed = i == 1 ? "off" : "false";
		if (word && strcmp(word, allowed))
			return refuse(error, "Parameter '%s' does not accept value '%s' (accepted: %s)",
				      only[i], word, allowed);
	}
	if (json_object_object_get_ex(given, "pr-manager", &given) && given)
		return refuse(error, "Parameter 'pr-manager' does not accept value '%s' (accepted: null)",
			      json_object_get_string(given));
	return 0;
}

/* A name or path, which may also be written as a leaf with its driver. */
static int read_reference(struct json_object *value, const char *name,
			  const char **word, struct error *error)
{
	char inner[64];

	*word = json_object_get_string(value);
	if (json_object_is_type(value, json_type_string))
		return 0;
	if (!json_object_is_type(value, json_type_object))
		return refuse(error, "Invalid parameter type for '%s', expected: BlockdevRef",
			      name);
	if (args_check(inline_args, value, name, error) ||
	    check_generic(inline_args, value, error))
		return -1;
	*word = arg_string(inline_args, value, "filename");
	if (*word)
		return 0;
	snprintf(inner, sizeof(inner), "%s.file", name);
	json_object_object_get_ex(value, "file", &value);
	return read_reference(value, inner, word, error);
}

static bool is_default_discard(const struct call *call,
			       const char * const *words)
{
	return !strcmp(call_word(call, "x-discard"), *words);
}

static int fill_throttle(struct call *call, struct filter *filter,
			 char *tail, size_t len, struct error *error)
{
	const char *group = call_word(call, "throttle-group");
	struct error ignored = { 0 };

	(void)filter;
	if (group_check_name(group, &ignored) || !group_exists(group))
		return refuse(error, "Throttle group '%s' does not exist",
			      group);
	snprintf(tail, len, "%s%s", group,
		 is_default_discard(call, throttle_discards) ?
		 "" : " 2 discard bytes");
	return 0;
}

static int fill_threshold(struct call *call, struct filter *filter,
			  char *tail, size_t len, struct error *error)
{
	(void)filter;
	(void)error;
	snprintf(tail, len, "%llu%s", (unsigned long long)
		 call_size(call, "write-threshold"),
		 is_default_discard(call, threshold_discards) ?
		 "" : " 2 discard count");
	return 0;
}

static int fill_cbw(struct call *call, struct filter *filter, char *tail,
		    size_t len, struct error *error)
{
	uint64_t cluster = call_size(call, "min-cluster-size");

	if (cluster & (cluster - 1))
		return refuse(error, "min-cluster-size needs to be a power of 2");
	if (cluster < CLUSTER_BYTES_MIN)
		cluster = CLUSTER_BYTES_MIN;
	snprintf(tail, len,
		 "%llu 6 sync none on-cbw-error %s cbw-timeout %llu",
		 (unsigned long long)cluster / SECTOR,
		 call_word(call, "on-cbw-error"),
		 (unsigned long long)call_size(call, "cbw-timeout"));
	return read_reference(call_value(call, "target"), "target",
			      &filter->target, error);
}

static const struct driver {
	const char *name;
	enum kind kind;
	int (*fill)(struct call *call, struct filter *filter, char *tail,
		    size_t len, struct error *error);
} drivers[] = {
	{ "copy-before-write", KIND_BACKUP, fill_cbw },
	{ "throttle", KIND_THROTTLE, fill_throttle },
	{ "write-threshold", KIND_THRESHOLD, fill_threshold },
};

static int fill_filter(struct call *call, struct filter *filter, char *tail,
		       size_t len, struct error *error)
{
	const struct driver *driver = drivers;

	if (read_reference(call_value(call, "file"), "file", &filter->file,
			   error))
		return -1;
	if (!strcmp(call_word(call, "driver"), *raw_driver))
		return refuse(error, "Driver 'raw' does nothing and has no node of its own here; name in its place what is below it");
	while (strcmp(driver->name, call_word(call, "driver")))
		driver++;
	filter->name = call_word(call, "node-name");
	filter->kind = driver->kind;
	filter->tail = tail;
	return driver->fill(call, filter, tail, len, error);
}

static bool is_host(const struct call *call)
{
	return !strcmp(call_word(call, "driver"), "host_device");
}

static int add_host(struct call *call, struct error *error)
{
	return edit_add_host(&call->graph, call_word(call, "node-name"),
			     call_word(call, "filename"), &call->plan, error);
}

int blockdev_add(struct call *call, struct error *error)
{
	struct filter filter = { 0 };
	char tail[TAIL_LEN];

	if (!call_word(call, "node-name"))
		return refuse(error, "'node-name' must be specified for the root node");
	if (check_generic(call->table, call->args, error))
		return -1;
	if (is_host(call))
		return add_host(call, error);
	if (fill_filter(call, &filter, tail, sizeof(tail), error))
		return -1;
	return edit_add(&call->graph, &filter, &call->plan, error);
}

const struct arg reopen_args[] = {
	{ .name = "options", .type = ARG_LIST, .must = true,
	  .members = blockdev_add_args,
	  .what = "nodes, as for blockdev-add" },
	{ 0 }
};

static int reopen_one(struct call *call, struct json_object *options,
		      struct error *error)
{
	struct call one = {
		.args = options, .table = blockdev_add_args,
	};
	struct filter filter = { 0 };
	char tail[TAIL_LEN];

	if (!call_word(&one, "node-name"))
		return refuse(error, "node-name not specified");
	if (!graph_find(&call->graph, call_word(&one, "node-name")))
		return refuse(error, "Failed to find node with node-name='%s'",
			      call_word(&one, "node-name"));
	if (check_generic(one.table, one.args, error))
		return -1;
	if (is_host(&one))
		return refuse(error, "Block format 'host_device' used by node '%s' does not support reopening",
			      call_word(&one, "node-name"));
	if (fill_filter(&one, &filter, tail, sizeof(tail), error))
		return -1;
	return edit_reopen(&call->graph, &filter, &call->plan, error);
}

int blockdev_reopen(struct call *call, struct error *error)
{
	struct json_object *list = call_value(call, "options");
	size_t i;

	for (i = 0; i < json_object_array_length(list); i++)
		if (reopen_one(call, json_object_array_get_idx(list, i),
			       error))
			return -1;
	plan_swaps_last(&call->plan);
	plan_goes_back(&call->plan);
	return 0;
}

const struct arg replace_args[] = {
	{ .name = "parent", .type = ARG_STRING, .must = true,
	  .what = "a node, or a device" },
	{ .name = "child", .type = ARG_STRING, .must = true,
	  .what = "file, or root for a device" },
	{ .name = "new-child", .type = ARG_STRING, .must = true,
	  .what = "its replacement" },
	{ 0 }
};

int blockdev_replace(struct call *call, struct error *error)
{
	return edit_replace(&call->graph, call_word(call, "parent"),
			    call_word(call, "child"),
			    call_word(call, "new-child"), &call->plan, error);
}

const struct arg change_args[] = {
	{ .name = "parent", .type = ARG_STRING, .must = true,
	  .what = "a node" },
	{ .name = "child", .type = ARG_STRING, .what = "the child to remove" },
	{ .name = "node", .type = ARG_STRING, .what = "the node to add" },
	{ 0 }
};

/* In QEMU only a quorum can change its number of children; qdm has none. */
int x_blockdev_change(struct call *call, struct error *error)
{
	const char *parent = call_word(call, "parent");
	const char *child = call_word(call, "child");
	const char *node = call_word(call, "node");

	if (!graph_find(&call->graph, parent))
		return refuse(error, "Cannot find device='%s' nor node-name='%s'",
			      parent, parent);
	if (child && node)
		return refuse(error, "The parameters child and node are in conflict");
	if (!child && !node)
		return refuse(error, "Either child or node must be specified");
	if (node && !graph_find(&call->graph, node))
		return refuse(error, "Node '%s' not found", node);
	if (child && strcmp(child, "file") && strcmp(child, "root"))
		return refuse(error, "Node '%s' does not have child '%s'",
			      parent, child);
	return refuse(error, "The node %s does not support %s a child; use block-insert-node, block-remove-node or blockdev-replace",
		      parent, child ? "removing" : "adding");
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
	const char *name = call_word(call, "node-name");
	const struct node *filter;

	if (edit_threshold(&call->graph, name,
			   call_size(call, "write-threshold"), &call->plan,
			   error))
		return -1;
	filter = find_threshold(&call->graph, graph_find(&call->graph, name));
	if (filter && !call->dry_run)
		node_remember_as(node_name(&filter->dev), name);
	return 0;
}

const struct arg resize_args[] = {
	{ .name = "device", .type = ARG_STRING,
	  .what = "the node; one of the two must be given" },
	{ .name = "node-name", .type = ARG_STRING, .what = "the same" },
	{ .name = "size", .type = ARG_INT, .must = true,
	  .what = "bytes" },
	{ 0 }
};

int block_resize(struct call *call, struct error *error)
{
	const char *device = call_word(call, "device");
	const char *node = call_word(call, "node-name");
	const char *name = device ? device : node;
	int64_t size = json_object_get_int64(call_value(call, "size"));

	if (!name || !graph_find(&call->graph, name))
		return refuse(error, "Cannot find device='%s' nor node-name='%s'",
			      device ? device : "", node ? node : "");
	if (size <= 0)
		return refuse(error, "Parameter 'size' expects a >0 size");
	return edit_resize(&call->graph, name, size, &call->plan, error);
}
