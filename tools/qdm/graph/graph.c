// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The graph. The kernel alone keeps it: a node is a dm device, its name the node's
 * name, its UUID identifies the node's kind, and an edge is a device that its table
 * refers to. Any other device is a leaf. This file reads the graph once per command;
 * nothing is cached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/graph.h"
#include "graph/uuid.h"
#include "kernel/targets.h"

static const struct {
	const char *word;
	const char *driver;
	const char *target;
} kinds[KINDS] = {
	[KIND_DEVICE] = { "device", "host_device", NULL },
	[KIND_ROOT] = { "root", "host_device", NULL },
	[KIND_THROTTLE] = { "throttle", "throttle", "qthrottle" },
	[KIND_BACKUP] = { "backup", "copy-before-write", "backupcow" },
	[KIND_VIEW] = { "view", "snapshot-access", "backupcow-view" },
	[KIND_THRESHOLD] = { "threshold", "write-threshold", "wthreshold" },
};

const char *kind_word(enum kind kind)
{
	return kinds[kind].word;
}

const char *kind_driver(enum kind kind)
{
	return kinds[kind].driver;
}

const char *kind_target(enum kind kind)
{
	return kinds[kind].target;
}

enum kind kind_of_target(const char *type)
{
	int kind;

	for (kind = 0; kind < KINDS; kind++)
		if (kinds[kind].target && !strcmp(kinds[kind].target, type))
			return kind;
	return KIND_DEVICE;
}

/* The node's name from the UUID, or NULL if it is none of ours. */
static const char *name_in_uuid(const char *text)
{
	struct uuid uuid;

	uuid_read(&uuid, text);
	return uuid.kind == KIND_DEVICE ? NULL : uuid.name;
}

bool is_passing(const struct kdm_device *device)
{
	const char *name = name_in_uuid(device->uuid);
	size_t len = name ? strlen(name) : 0;

	return len && !strncmp(device->name, name, len) &&
	       !strcmp(device->name + len, PASSING_END);
}

const char *node_name(const struct kdm_device *device)
{
	return is_passing(device) ? name_in_uuid(device->uuid) : device->name;
}

static void node_free(struct node *node)
{
	kdm_table_free(&node->table);
	free(node->below);
}

/* The kernel lists devices in no defined order; the first in a table line is put first. */
static void order_below(struct node *node)
{
	struct devno first, swap;
	size_t i;

	if (!node->table.nr || sscanf(node->table.line[0].params, "%u:%u",
				      &first.major, &first.minor) != 2)
		return;
	for (i = 1; i < node->nr_below; i++) {
		if (!same_devno(node->below[i], first))
			continue;
		swap = node->below[0];
		node->below[0] = node->below[i];
		node->below[i] = swap;
	}
}

/* 1 when read; 0 if it was removed since it was listed, which is no error. */
static int node_read(struct node *node, const char *name, struct error *error)
{
	struct error late = { 0 };
	int found;

	*node = (struct node){ 0 };
	found = kdm_look(name, &node->dev, &node->table, error);
	if (found <= 0)
		return found;
	node->kind = kind_of(node->dev.uuid);
	if (shape_below(&node->table, &node->below, &node->nr_below))
		return 1;
	if (kdm_deps(name, &node->below, &node->nr_below, &late)) {
		node_free(node);
		if (kdm_find(name, &node->dev, error) == 0)
			return 0;
		return refuse(error, "%s", late.text);
	}
	order_below(node);
	return 1;
}

int graph_read(struct graph *graph, struct error *error)
{
	char (*names)[KDM_NAME_LEN];
	struct node node;
	size_t nr, i;
	int found = 0;

	*graph = (struct graph){ 0 };
	if (kdm_open(error))
		return -1;
	if (kdm_list(&names, &nr, error))
		return -1;
	for (i = 0; i < nr && found >= 0; i++) {
		found = node_read(&node, names[i], error);
		if (found <= 0)
			continue;
		graph->node = more(graph->node, graph->nr, sizeof(node));
		graph->node[graph->nr++] = node;
	}
	free(names);
	if (found >= 0)
		return 0;
	graph_free(graph);
	return -1;
}

void graph_free(struct graph *graph)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		node_free(&graph->node[i]);
	free(graph->node);
	*graph = (struct graph){ 0 };
}

void graph_drop(struct graph *graph, struct node *node)
{
	struct node *below;
	size_t i;

	for (i = 0; i < node->nr_below; i++) {
		below = graph_at(graph, node->below[i]);
		if (below && below->dev.open_count)
			below->dev.open_count--;
	}
	node_free(node);
	*node = graph->node[--graph->nr];
}

struct node *graph_find(const struct graph *graph, const char *name)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (!strcmp(graph->node[i].dev.name, name))
			return &graph->node[i];
	return NULL;
}

struct node *graph_at(const struct graph *graph, struct devno devno)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (same_devno(graph->node[i].dev.devno, devno))
			return &graph->node[i];
	return NULL;
}

bool node_uses(const struct node *node, struct devno devno)
{
	size_t i;

	for (i = 0; i < node->nr_below; i++)
		if (same_devno(node->below[i], devno))
			return true;
	return false;
}

struct node *graph_above(const struct graph *graph, struct devno devno)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (node_uses(&graph->node[i], devno))
			return &graph->node[i];
	return NULL;
}

/* A loaded table has its devices open, too. */
static bool has_loaded(const struct node *node, struct devno devno)
{
	struct error ignored = { 0 };
	struct devno *deps = NULL;
	bool found = false;
	size_t nr = 0, i;

	if (!node->dev.pending ||
	    kdm_loaded_deps(node->dev.name, &deps, &nr, &ignored))
		return false;
	for (i = 0; i < nr; i++)
		found |= same_devno(deps[i], devno);
	free(deps);
	return found;
}

unsigned int graph_users(const struct graph *graph, struct devno devno)
{
	const struct node *node;
	unsigned int nr = 0;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		node = &graph->node[i];
		nr += node->dev.devno.major &&
		      (node_uses(node, devno) || has_loaded(node, devno));
	}
	return nr;
}

bool node_reaches(const struct graph *graph, const struct node *node,
		  const struct node *wanted)
{
	size_t i;

	if (node == wanted)
		return true;
	for (i = 0; node && i < node->nr_below; i++)
		if (graph_at(graph, node->below[i]) &&
		    node_reaches(graph, graph_at(graph, node->below[i]),
				 wanted))
			return true;
	return false;
}

bool node_passes_to(const struct node *node, struct devno devno)
{
	return node->nr_below && same_devno(node->below[0], devno);
}

/* Skips nodes that show the same data: a filter, or a linear line over all of a device. */
bool node_shows(const struct graph *graph, const struct node *node,
		struct devno devno)
{
	struct devno at;

	for (; node; node = graph_at(graph, at)) {
		if (same_devno(node->dev.devno, devno))
			return true;
		if (!shape_is_same(&node->table, &at))
			return false;
		if (same_devno(at, devno))
			return true;
	}
	return false;
}

const struct node *node_same(const struct graph *graph,
			     const struct node *node)
{
	struct devno at;

	return shape_is_same(&node->table, &at) ? graph_at(graph, at) : NULL;
}

/* In the old form, only the name distinguishes them from devices' roots. */
bool node_is_host(const struct node *node)
{
	struct uuid uuid;

	uuid_read(&uuid, node->dev.uuid);
	return uuid.leaf || (uuid.kind == KIND_ROOT && !uuid.identified &&
			     !strcmp(uuid.name, node->dev.name));
}

/* Down the first edge, which in a filter is the data and not the destination. */
const struct node *node_root(const struct graph *graph,
			     const struct node *node)
{
	while (node && node->kind != KIND_DEVICE && node->kind != KIND_ROOT)
		node = node->nr_below ? graph_at(graph, node->below[0]) : NULL;
	return node && node->kind == KIND_ROOT && !node_is_host(node) ? node :
									NULL;
}

/* A LUKS device or a volume on top shows other content than the node. */
static bool is_shown_above(const struct graph *graph, const struct node *node)
{
	struct devno at;
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (shape_is_same(&graph->node[i].table, &at) &&
		    same_devno(at, node->dev.devno))
			return true;
	return false;
}

bool node_is_inner(const struct graph *graph, const struct node *node)
{
	if (node->kind == KIND_DEVICE || node->kind == KIND_VIEW)
		return false;
	return node_root(graph, node) || is_shown_above(graph, node);
}
