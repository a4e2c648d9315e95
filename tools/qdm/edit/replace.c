// SPDX-License-Identifier: GPL-2.0-or-later
/* Replacing the node below, and reopening a filter with other options. */
#include <stdlib.h>
#include <string.h>

#include "edit/edit.h"
#include "edit/past.h"
#include "edit/steps.h"
#include "graph/backup-target.h"
#include "graph/resolve.h"
#include "kernel/targets.h"

/*
 * Only a node with the same data may replace another under its users. And a node on top
 * of a device must not be moved under it, nor the reverse: the device could be removed,
 * and another device get its name and root.
 */
static int check_same_data(const struct graph *graph, struct devno devno,
			   const struct place *new, struct error *error)
{
	const struct node *old = graph_at(graph, devno);

	if (!node_shows(graph, new->node, devno) &&
	    !node_shows(graph, old, new->devno))
		return refuse(error, "'%s' is no filter over '%s' nor the other way round, so it may show other data",
			      new->node ? new->node->dev.name : "the node there",
			      old ? old->dev.name : "the node there");
	if (node_root(graph, old) != node_root(graph, new->node))
		return refuse(error, "of '%s' and '%s' one is under a device and the other on top of it",
			      new->node ? new->node->dev.name : new->word,
			      old ? old->dev.name : "the node there");
	return 0;
}

/* Every backup that gets under @parent: the file system is frozen for it. */
static int check_backups(const struct graph *graph, const struct node *parent,
			 const struct node *node, bool *freeze,
			 struct error *error)
{
	struct devno at;

	*freeze = false;
	for (; node; node = graph_at(graph, at)) {
		if (target_check_edge(graph, parent, node, error))
			return -1;
		if (node->kind == KIND_BACKUP)
			*freeze |= !node_reaches(graph, parent, node);
		if (!shape_is_same(&node->table, &at))
			break;
	}
	return 0;
}

static const struct node *find_new_child(const struct graph *graph,
					 const struct node *parent,
					 const char *name, struct error *error)
{
	const struct node *new = graph_find(graph, name);

	if (!new)
		refuse(error, "Node '%s' not found", name);
	else if (node_reaches(graph, new, parent))
		refuse(error, "'%s' is on top of '%s' already", name,
		       parent->dev.name);
	else
		return new;
	return NULL;
}

static int replace_child(const struct graph *graph, const struct node *parent,
			 const struct node *new, struct plan *plan,
			 struct error *error)
{
	const struct devno old = parent->below[0];
	struct place place;
	bool freeze;

	if (same_devno(old, new->dev.devno))
		return 0;
	place_at(&place, new);
	if (check_same_data(graph, old, &place, error) ||
	    check_backups(graph, parent, new, &freeze, error) ||
	    check_sizes(new, parent->dev.name, kdm_table_len(&parent->table),
			error))
		return -1;
	return redirect(plan, graph, parent, old, &place, freeze, error);
}

int edit_replace(const struct graph *graph, const char *parent_name,
		 const char *child, const char *new_name, struct plan *plan,
		 struct error *error)
{
	const struct node *parent = graph_find(graph, parent_name);
	const struct node *new;

	if (!parent)
		return refuse(error, "Neither device, nor export, nor block-node exist with name '%s'",
			      parent_name);
	if (parent->kind == KIND_DEVICE && strcmp(child, "root"))
		return refuse(error, "Devices and exports may have only 'root' child");
	if (parent->kind != KIND_DEVICE &&
	    (!is_filter(parent) || !is_whole_filter(parent) ||
	     strcmp(child, "file")))
		return refuse(error, "Block driver node '%s' doesn't have child named '%s'",
			      parent_name, child);
	if (check_editable(parent, error))
		return -1;
	new = find_new_child(graph, parent, new_name, error);
	if (!new)
		return -1;
	if (parent->kind == KIND_DEVICE && !attached(graph, parent))
		return edit_insert(graph, parent_name, parent_name, new_name,
				   plan, error);
	return replace_child(graph, parent, new, plan, error);
}

/* The filter's present place, or its new one. */
static int place_reopened(struct place *place, const struct graph *graph,
			  const struct node *node, const char *file,
			  struct plan *plan, struct error *error)
{
	const struct node *old = graph_at(graph, node->below[0]);

	if (file && place_file(place, graph, file, plan, error))
		return -1;
	if (!file || same_devno(place->devno, node->below[0])) {
		*place = (struct place){ .node = old, .data = old,
			.devno = node->below[0],
			.sectors = kdm_table_len(&node->table) };
		snprintf(place->word, sizeof(place->word), "%u:%u",
			 place->devno.major, place->devno.minor);
		return 0;
	}
	if (place->node && node_reaches(graph, place->node, node))
		return refuse(error, "'%s' is on top of '%s' already", file,
			      node->dev.name);
	return check_same_data(graph, node->below[0], place, error) ||
	       check_sizes(node, file, place->sectors, error) ? -1 : 0;
}

int edit_reopen(const struct graph *graph, const struct filter *filter,
		struct plan *plan, struct error *error)
{
	const struct node *node = find_edited(graph, filter->name, "reopening",
					      error);
	struct place below, target;
	struct step *step;
	char *params;
	bool freeze;

	if (!node || check_editable(node, error))
		return -1;
	if (plan_find(plan, STEP_LOAD, filter->name))
		return refuse(error, "Node '%s' is named twice", filter->name);
	if (node->kind != filter->kind)
		return refuse(error, "Cannot change the option 'driver' of node '%s'",
			      filter->name);
	if (past_check_words(node, error) ||
	    place_reopened(&below, graph, node, filter->file, plan, error) ||
	    past_check(graph, node, node->below[0], below.node, error) ||
	    check_backups(graph, node, below.node, &freeze, error) ||
	    filter_params(&params, graph, node, filter, &below, &target,
			  error))
		return -1;
	see_device(plan, &below);
	see_device(plan, &target);
	step = plan_add(plan, STEP_LOAD, filter->name);
	kdm_table_add(&step->table, 0, kdm_table_len(&node->table),
		      kind_target(node->kind), params);
	free(params);
	step = plan_resume(plan, node);
	step->how.inner = node_is_inner(graph, node);
	step->how.freeze = freeze;
	step->how.same = true;
	step->how.read_ahead = kdm_read_ahead(filter->name);
	return 0;
}
