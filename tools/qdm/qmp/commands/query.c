// SPDX-License-Identifier: GPL-2.0-or-later
/* Queries: about nodes and about the tool. They change nothing. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "graph/describe.h"
#include "graph/job.h"
#include "graph/resolve.h"
#include "kernel/limits.h"
#include "qmp/commands/handlers.h"
#include "qmp/commands/limit.h"
#include "qmp/execute.h"
#include "qmp/schema.h"

#define SECTOR		512
#define MILLISECOND_NS	1000000
#define FIGURES		17

const struct arg no_args[] = { { 0 } };

const struct arg flat_args[] = {
	{ .name = "flat", .type = ARG_BOOL, .def = "false",
	  .what = "accepted for compatibility with QEMU; nodes are never nested" },
	{ 0 }
};

int query_named_block_nodes(struct call *call, struct error *error)
{
	(void)error;
	call->result = describe_all(&call->graph);
	return 0;
}

/*
 * Devices, in QEMU's sense
 */

const struct arg blockstats_args[] = {
	{ .name = "query-nodes", .type = ARG_BOOL, .def = "false",
	  .what = "all nodes, not only devices" },
	{ 0 }
};

/* Six times a rate, its burst and the burst's length, and then iops-size. */
static bool is_rate(int i)
{
	return i % 3 == 0 && i < LIMITS_NR - 1;
}

static bool is_length(int i)
{
	return i % 3 == 2;
}

static uint64_t limit_at(struct json_object *limits, int i)
{
	struct json_object *value;

	if (json_object_object_get_ex(limits, limit_names[i], &value))
		return json_object_get_uint64(value);
	return is_length(i);
}

/* A rate always, a burst and its length only if it is set. */
static void put_old_limits(struct json_object *inserted,
			   struct json_object *limits)
{
	uint64_t value;
	int i;

	for (i = 0; i < LIMITS_NR; i++) {
		value = limit_at(limits, is_length(i) ? i - 1 : i);
		if (!value && !is_rate(i))
			continue;
		value = limit_at(limits, i);
		json_object_object_add(inserted, limit_old_name(i),
				       json_object_new_uint64(value));
	}
}

/* Limits by block_set_io_throttle are the device's, not those of a filter. */
static void put_throttle(struct json_object *inserted,
			 const struct graph *graph, const struct node *device)
{
	const struct node *filter = find_throttle(graph, device);
	struct json_object *shown, *limits;
	const char *group;

	if (!filter || !node_reaches(graph, device, filter))
		return;
	shown = describe_node(graph, filter);
	group = json_string(shown, "throttle-group", "-");
	if (json_object_object_get_ex(shown, "limits", &limits)) {
		put_old_limits(inserted, limits);
		json_put_string(inserted, "group", strcmp(group, "-") ?
						   group : device->dev.name);
	}
	json_object_put(shown);
}

/* Made by a command that names a device, as QEMU keeps it without a node. */
static bool is_implicit(const struct node *device, const struct node *node)
{
	char *name = derived_name(device->dev.name,
				  node->kind == KIND_THROTTLE ? "throttle" :
								"threshold");
	bool result = !strcmp(name, node->dev.name) || job_runs(node);

	free(name);
	return result;
}

/* The filter that lies directly under the device, as QEMU's root node. */
static const struct node *top_node(const struct graph *graph,
				   const struct node *device)
{
	const struct node *node = node_same(graph, device);

	while (node && node->kind != KIND_DEVICE && node->kind != KIND_ROOT &&
	       is_implicit(device, node))
		node = node_same(graph, node);
	return node && node->kind != KIND_DEVICE && node->kind != KIND_ROOT ?
	       node : device;
}

int query_block(struct call *call, struct error *error)
{
	struct json_object *one, *inserted;
	const struct node *node;
	size_t i;

	(void)error;
	call->result = json_object_new_array();
	for (i = 0; i < call->graph.nr; i++) {
		node = &call->graph.node[i];
		if (node->kind != KIND_DEVICE)
			continue;
		one = json_object_new_object();
		json_put_string(one, "device", node->dev.name);
		json_put_string(one, "type", "unknown");
		json_put_bool(one, "removable", false);
		json_put_bool(one, "locked", node->dev.open_count);
		inserted = describe_node(&call->graph,
					 top_node(&call->graph, node));
		put_throttle(inserted, &call->graph, node);
		json_object_object_add(one, "inserted", inserted);
		json_object_array_add(call->result, one);
	}
	return 0;
}

/* The kernel's own count, under the names that QMP has for it. */
static const struct {
	const char *name;
	unsigned int at;	/* the position in /sys/dev/block/.../stat */
	uint64_t unit;
} figures[] = {
	{ "rd_operations", 0, 1 },
	{ "rd_merged", 1, 1 },
	{ "rd_bytes", 2, SECTOR },
	{ "rd_total_time_ns", 3, MILLISECOND_NS },
	{ "wr_operations", 4, 1 },
	{ "wr_merged", 5, 1 },
	{ "wr_bytes", 6, SECTOR },
	{ "wr_total_time_ns", 7, MILLISECOND_NS },
	{ "unmap_operations", 11, 1 },
	{ "unmap_merged", 12, 1 },
	{ "unmap_bytes", 13, SECTOR },
	{ "unmap_total_time_ns", 14, MILLISECOND_NS },
	{ "flush_operations", 15, 1 },
	{ "flush_total_time_ns", 16, MILLISECOND_NS },
};

/* Members that clients expect and that are not counted here. */
static const char * const no_figures[] = {
	"zone_append_operations", "zone_append_merged", "zone_append_bytes",
	"zone_append_total_time_ns", "failed_rd_operations",
	"failed_wr_operations", "failed_zone_append_operations",
	"failed_flush_operations", "failed_unmap_operations",
	"invalid_rd_operations", "invalid_wr_operations",
	"invalid_zone_append_operations", "invalid_flush_operations",
	"invalid_unmap_operations",
};

static void put_no_figures(struct json_object *stats)
{
	size_t i;

	for (i = 0; i < sizeof(no_figures) / sizeof(*no_figures); i++)
		json_put_number(stats, no_figures[i], 0);
	json_put_bool(stats, "account_invalid", false);
	json_put_bool(stats, "account_failed", false);
	json_put(stats, "timed_stats", json_object_new_array());
}

static void read_figures(struct devno devno, uint64_t *figure)
{
	char path[64];
	FILE *in;
	int i;

	memset(figure, 0, FIGURES * sizeof(*figure));
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/stat", devno.major,
		 devno.minor);
	in = fopen(path, "re");
	for (i = 0; in && i < FIGURES; i++)
		if (fscanf(in, "%" SCNu64, &figure[i]) != 1)
			break;
	if (in)
		fclose(in);
}

static struct json_object *node_stats(const struct graph *graph,
				      const struct node *node)
{
	struct json_object *stats = json_object_new_object();
	struct json_object *one = json_object_new_object();
	struct threshold threshold;
	uint64_t figure[FIGURES];
	size_t i;

	read_figures(node->dev.devno, figure);
	for (i = 0; i < sizeof(figures) / sizeof(*figures); i++)
		json_put_number(stats, figures[i].name,
				figure[figures[i].at] * figures[i].unit);
	describe_threshold(graph, node, &threshold);
	json_put_number(stats, "wr_highest_offset", threshold.mark);
	put_no_figures(stats);
	if (node->kind == KIND_DEVICE)
		json_put_string(one, "device", node->dev.name);
	json_put_string(one, "node-name", node_name(&node->dev));
	json_object_object_add(one, "stats", stats);
	return one;
}

int query_blockstats(struct call *call, struct error *error)
{
	bool all = call_flag(call, "query-nodes");
	const struct node *node;
	size_t i;

	(void)error;
	call->result = json_object_new_array();
	for (i = 0; i < call->graph.nr; i++) {
		node = &call->graph.node[i];
		if (all || node->kind == KIND_DEVICE)
			json_object_array_add(call->result,
					      node_stats(&call->graph, node));
	}
	return 0;
}

/*
 * The graph as nodes and edges with numbers: a node's number is its position in the
 * list, from 1; leaves follow.
 */
static void put_graph_node(struct json_object *nodes, uint64_t id,
			   const char *type, const char *name)
{
	struct json_object *one = json_object_new_object();

	json_put_number(one, "id", id);
	json_put_string(one, "type", type);
	json_put_string(one, "name", name);
	json_object_array_add(nodes, one);
}

static uint64_t find_graph_id(const struct graph *graph, struct devno devno,
			      struct json_object *nodes)
{
	const struct node *node = graph_at(graph, devno);
	struct json_object *one;
	char path[128];
	size_t i;

	if (node)
		return node - graph->node + 1;
	describe_leaf(devno, path, sizeof(path));
	for (i = graph->nr; i < json_object_array_length(nodes); i++) {
		one = json_object_array_get_idx(nodes, i);
		if (!strcmp(json_string(one, "name", ""), path))
			return i + 1;
	}
	put_graph_node(nodes, i + 1, "block-driver", path);
	return i + 1;
}

static void put_edge(struct json_object *edges, uint64_t parent,
		     uint64_t child, const struct node *node, size_t at)
{
	static const char * const unclear[] = {
		"consistent-read", "write", "write-unchanged", "resize",
	};
	struct json_object *one = json_object_new_object();
	struct json_object *shared = json_object_new_array();
	size_t i;

	for (i = 0; i < sizeof(unclear) / sizeof(*unclear); i++)
		json_object_array_add(shared,
				      json_object_new_string(unclear[i]));
	json_put_number(one, "parent", parent);
	json_put_number(one, "child", child);
	json_put_string(one, "name", describe_edge(node, at));
	json_object_object_add(one, "perm", json_object_new_array());
	json_object_object_add(one, "shared-perm", shared);
	json_object_array_add(edges, one);
}

int query_block_graph(struct call *call, struct error *error)
{
	const struct graph *graph = &call->graph;
	struct json_object *nodes = json_object_new_array();
	struct json_object *edges = json_object_new_array();
	const struct node *node;
	size_t i, at;

	(void)error;
	for (i = 0; i < graph->nr; i++)
		put_graph_node(nodes, i + 1,
			       graph->node[i].kind == KIND_DEVICE ?
			       "block-backend" : "block-driver",
			       node_name(&graph->node[i].dev));
	for (i = 0; i < graph->nr; i++) {
		node = &graph->node[i];
		for (at = 0; at < node->nr_below; at++)
			put_edge(edges, i + 1,
				 find_graph_id(graph, node->below[at], nodes),
				 node, at);
	}
	call->result = json_object_new_object();
	json_object_object_add(call->result, "nodes", nodes);
	json_object_object_add(call->result, "edges", edges);
	return 0;
}

/*
 * The tool itself
 */

int query_version(struct call *call, struct error *error)
{
	(void)error;
	call->result = qmp_version();
	return 0;
}

/* Clients ask before they do anything; there is no guest. */
int query_status(struct call *call, struct error *error)
{
	(void)error;
	call->result = json_object_new_object();
	json_put_string(call->result, "status", "running");
	json_put_bool(call->result, "singlestep", false);
	json_put_bool(call->result, "running", true);
	return 0;
}

int query_name(struct call *call, struct error *error)
{
	(void)error;
	call->result = json_object_new_object();
	return 0;
}

int query_block_exports(struct call *call, struct error *error)
{
	(void)error;
	call->result = json_object_new_array();
	return 0;
}

/* QEMU's own command line has no counterpart. */
const struct arg option_args[] = {
	{ .name = "option", .type = ARG_STRING, .what = "only this one" },
	{ 0 }
};

int query_command_line_options(struct call *call, struct error *error)
{
	const char *option = call_word(call, "option");

	if (option)
		return refuse(error, "invalid option name: %s", option);
	call->result = json_object_new_array();
	return 0;
}

int query_commands(struct call *call, struct error *error)
{
	struct json_object *one;
	size_t i;

	(void)error;
	call->result = json_object_new_array();
	for (i = 0; i < commands_nr; i++) {
		one = json_object_new_object();
		json_put_string(one, "name", commands[i].name);
		json_object_array_add(call->result, one);
	}
	return 0;
}

int query_qmp_schema(struct call *call, struct error *error)
{
	(void)error;
	call->result = schema_build();
	return 0;
}
