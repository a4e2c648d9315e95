// SPDX-License-Identifier: GPL-2.0-or-later
/* Creating a filter and inserting it under a device in one plan, and the inverse. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "edit/edit.h"
#include "edit/steps.h"
#include "graph/resolve.h"
#include "graph/uuid.h"
#include "kernel/targets.h"
#include "kernel/use.h"

/*
 * Two commands in one plan: the second is planned on the graph as it will be after the
 * first. Planned nodes get device numbers that no device has, and refer to the devices
 * beneath by number, as in the kernel.
 */
static void add_below(struct node *node, struct devno devno)
{
	node->below = more(node->below, node->nr_below, sizeof(devno));
	node->below[node->nr_below++] = devno;
}

static void link_planned(const struct graph *graph, struct node *node)
{
	char *word = copy(node->table.line[0].params);
	char *rest = word + strcspn(word, " ");
	size_t prefix = strlen(MAPPER);
	const struct node *on = NULL;

	if (*rest)
		*rest++ = '\0';
	if (!strncmp(word, MAPPER, prefix))
		on = graph_find(graph, word + prefix);
	if (on) {
		free(node->table.line[0].params);
		node->table.line[0].params = print("%u:%u %s",
						   on->dev.devno.major,
						   on->dev.devno.minor, rest);
		add_below(node, on->dev.devno);
	}
	free(word);
}

static void add_planned(struct graph *graph, const struct step *step,
			unsigned int number)
{
	const struct node *from = step->copy_of ?
				  graph_find(graph, step->copy_of) : NULL;
	struct node node = {
		.kind = kind_of(step->uuid),
		.dev = { .devno = { 0, number }, .live = true },
	};
	size_t i;

	snprintf(node.dev.name, sizeof(node.dev.name), "%s", step->name);
	snprintf(node.dev.uuid, sizeof(node.dev.uuid), "%s", step->uuid);
	kdm_table_copy(&node.table, from ? &from->table : &step->table);
	for (i = 0; from && i < from->nr_below; i++)
		add_below(&node, from->below[i]);
	if (!from)
		link_planned(graph, &node);
	if (node.kind == KIND_BACKUP)
		add_below(&node, step->target);
	graph->node = more(graph->node, graph->nr, sizeof(node));
	graph->node[graph->nr++] = node;
}

/* For later planning the device is on top of the filter. */
static void plan_edge(struct graph *graph, const char *device,
		      const char *filter)
{
	const struct devno below = graph_find(graph, filter)->dev.devno;
	struct node *node = graph_find(graph, device);
	const uint64_t len = kdm_table_len(&node->table);
	char *params = print("%u:%u 0", below.major, below.minor);

	kdm_table_free(&node->table);
	kdm_table_add(&node->table, 0, len, SHAPE_GUARD, params);
	free(params);
	node->nr_below = 0;
	add_below(node, below);
}

/* The rename is the last step; if it fails, the filter is not inserted. */
static void plan_name(struct plan *plan, const char *made, const char *name)
{
	struct step *step;

	plan_goes_back(plan);
	step = plan_add(plan, STEP_RENAME, made);
	step->text = copy(name);
	step->how.inner = true;
}

/* The other words are the last step; if that fails, the filter is not inserted. */
static void plan_words(struct plan *plan, size_t made, const char *then)
{
	const struct kdm_line line = plan->step[made].table.line[0];
	const char *name = plan->step[made].name;
	char *params = print("%.*s 0 %s", (int)strcspn(line.params, " "),
			     line.params, then);
	struct step *step;

	plan_goes_back(plan);
	step = plan_add(plan, STEP_LOAD, name);
	kdm_table_add(&step->table, line.start, line.len, line.type, params);
	free(params);
	step = plan_add(plan, STEP_RESUME, name);
	step->how.inner = true;
	step->how.same = true;
}

/*
 * A full backup begins at the instant of the swap: a write between the two would be in
 * one half of the copy and not in the other.
 */
static void plan_begin(struct plan *plan, size_t made, const char *idle)
{
	struct kdm_line *line = &plan->step[made].table.line[0];
	const char *name = plan->step[made].name;
	char *begun = line->params;
	struct step *step;

	line->params = print("%.*s 0 - 0 %s", (int)strcspn(begun, " "), begun,
			     idle);
	step = plan_add(plan, STEP_LOAD, name);
	line = &plan->step[made].table.line[0];
	kdm_table_add(&step->table, line->start, line->len, line->type, begun);
	wipe(begun);
	step = plan_add(plan, STEP_RESUME, name);
	step->how.inner = true;
	step->how.same = true;
	step->aside = true;
	step->begins = true;
}

static void bury(struct graph *graph, const struct filter *filter,
		 struct plan *plan)
{
	char *root = root_name(filter->file);

	edit_bury(graph, filter->name, plan);
	edit_bury(graph, root, plan);
	free(root);
}

int edit_put_under(struct graph *graph, const struct filter *filter,
		   struct plan *plan, struct error *error)
{
	const struct node *device;
	size_t planned, i;
	char *made;
	int result;

	bury(graph, filter, plan);
	device = graph_find(graph, filter->file);
	if (is_path(filter->file))
		return refuse(error, "'%s' is no device of device-mapper, so nothing can be put under it; on top of it: blockdev-add",
			      filter->file);
	if (device && device->kind != KIND_DEVICE)
		return refuse(error, "'%s' is a node, not a device; use blockdev-add and block-insert-node",
			      filter->file);
	if (edit_add(graph, filter, plan, error))
		return -1;
	planned = plan->nr;
	for (i = 0; i < planned; i++)
		if (plan->step[i].kind == STEP_CREATE)
			add_planned(graph, &plan->step[i], i);
	made = copy(plan->step[planned - 1].name);
	result = edit_insert(graph, filter->file, filter->file, made, plan,
			     error);
	if (!result)
		plan_edge(graph, filter->file, made);
	if (!result && filter->idle)
		plan_begin(plan, planned - 1, filter->idle);
	if (!result && filter->then)
		plan_words(plan, planned - 1, filter->then);
	if (!result && filter->passing)
		plan_name(plan, made, filter->name);
	free(made);
	return result;
}

/* Moves all nodes on top of the node to the device beneath it. */
int edit_take_out(const struct graph *graph, const char *name,
		  struct plan *plan, struct error *error)
{
	const struct node *node = graph_find(graph, name);
	const struct node *above, *below;

	if (node && !node->dev.live && is_left_over(node))
		return edit_delete(graph, name, plan, error);
	node = find_edited(graph, name, "removal", error);
	if (!node)
		return -1;
	above = graph_above(graph, node->dev.devno);
	if (!above)
		return edit_delete(graph, name, plan, error);
	if (graph_users(graph, node->dev.devno) > 1 || use_stays_open(name, 1))
		return refuse(error, "Node %s is in use by more than '%s'",
			      name, above->dev.name);
	below = graph_at(graph, node->below[0]);
	if (!below)
		return refuse(error, "'%s' is on top of a device that is not under device-mapper; use block-remove-node with its path",
			      name);
	if (edit_remove(graph, above->dev.name, below->dev.name, name, plan,
			error))
		return -1;
	plan_add(plan, STEP_REMOVE, name);
	if (find_root(graph, above) == below)
		remove_last_root(graph, node, plan);
	return 0;
}
