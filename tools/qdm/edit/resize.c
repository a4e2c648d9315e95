// SPDX-License-Identifier: GPL-2.0-or-later
/* Thresholds, and the size of a node and of the nodes above it. */
#include "base/alloc.h"
#include "edit/edit.h"
#include "edit/steps.h"
#include "graph/resolve.h"
#include "kernel/targets.h"
#include "kernel/use.h"

/* A device without a filter gets one, as a limit brings a throttle. */
static int bring_threshold(struct graph *graph, const char *device,
			   uint64_t bytes, struct plan *plan,
			   struct error *error)
{
	char *name = new_derived_name(graph, device, "threshold");
	char *tail = print("%llu", (unsigned long long)bytes);
	struct filter filter = {
		.kind = KIND_THRESHOLD, .name = name, .file = device,
		.tail = tail, .derived = true,
	};
	int result = edit_put_under(graph, &filter, plan, error);

	free(tail);
	free(name);
	return result;
}

int edit_threshold(struct graph *graph, const char *name, uint64_t bytes,
		   struct plan *plan, struct error *error)
{
	const struct node *node = graph_find(graph, name);
	const struct node *filter = node ? find_threshold(graph, node) : NULL;

	if (!node)
		return refuse(error, "Device '%s' not found", name);
	if (!filter && !bytes)
		return 0;
	if (!filter && node->kind == KIND_DEVICE)
		return bring_threshold(graph, name, bytes, plan, error);
	if (!filter)
		return refuse(error, "'%s' has no write-threshold filter; blockdev-add one and insert it",
			      name);
	plan_add(plan, STEP_MESSAGE, filter->dev.name)->text =
		print("set-threshold %llu", (unsigned long long)bytes);
	return 0;
}

static int check_resize(const struct graph *graph, const struct node *node,
			uint64_t bytes, struct error *error)
{
	const char *name = node->dev.name;
	const struct node *above = graph_above(graph, node->dev.devno);
	struct devno below;

	if (node->kind != KIND_THROTTLE && node->kind != KIND_THRESHOLD &&
	    !node_is_host(node))
		return refuse(error, "'%s' is no throttle, write-threshold or host_device node; only these can be resized",
			      name);
	if (!shape_is_same(&node->table, &below))
		return refuse(error, "'%s' has a table that is not one line from sector 0 of the device beneath, and cannot be resized",
			      name);
	if (bytes % SECTOR)
		return refuse(error, "Parameter 'size' expects a multiple of %d",
			      SECTOR);
	if (above && bytes / SECTOR < kdm_table_len(&node->table))
		return refuse(error, "'%s' is beneath '%s' and cannot become smaller; remove it from there first",
			      name, above->dev.name);
	if (bytes / SECTOR < kdm_table_len(&node->table) &&
	    use_stays_open(name, 0))
		return refuse(error, "'%s' is in use (mounted, or held open by something else) and cannot become smaller",
			      name);
	return check_editable(node, error);
}

static void plan_size(const struct graph *graph, const struct node *node,
		      uint64_t bytes, struct plan *plan)
{
	const char *name = node->dev.name;
	struct step *step = plan_add(plan, STEP_LOAD, name);

	kdm_table_add(&step->table, 0, bytes / SECTOR,
		      node->table.line[0].type, node->table.line[0].params);
	step = plan_resume(plan, node);
	step->how.inner = node_is_inner(graph, node);
	step->how.read_ahead = kdm_read_ahead(name);
}

/*
 * Filters on top grow with the device beneath, from the bottom up: a table that exceeds
 * the device beneath cannot be loaded. Any other device on top keeps its length; its
 * own tool has to grow it.
 */
static int resize_stack(const struct graph *graph, const struct node *node,
			uint64_t bytes, struct plan *plan, struct error *error)
{
	const struct node *above;
	size_t i;

	if (check_resize(graph, node, bytes, error))
		return -1;
	plan_size(graph, node, bytes, plan);
	for (i = 0; i < graph->nr; i++) {
		above = &graph->node[i];
		if (node_uses(above, node->dev.devno) &&
		    (above->kind == KIND_THROTTLE ||
		     above->kind == KIND_THRESHOLD) &&
		    resize_stack(graph, above, bytes, plan, error))
			return -1;
	}
	return 0;
}

int edit_resize(const struct graph *graph, const char *name, uint64_t bytes,
		struct plan *plan, struct error *error)
{
	if (resize_stack(graph, graph_find(graph, name), bytes, plan, error))
		return -1;
	plan_goes_back(plan);
	return 0;
}
