// SPDX-License-Identifier: GPL-2.0-or-later
/* Inserting filters: under a device, or between two nodes of a stack. */
#include "edit/edit.h"
#include "edit/past.h"
#include "edit/steps.h"
#include "graph/backup-target.h"
#include "graph/resolve.h"
#include "kernel/targets.h"

/* Has it the form made by blockdev-add, not another one made with dmsetup? */
bool is_whole_filter(const struct node *node)
{
	struct devno below;

	return shape_is_same(&node->table, &below) &&
	       kind_of_target(node->table.line[0].type) == node->kind;
}

const struct node *find_edited(const struct graph *graph,
			       const char *name, const char *verb,
			       struct error *error)
{
	const struct node *node = graph_find(graph, name);

	if (!node)
		refuse(error, "Node '%s' not found", name);
	else if (node->kind == KIND_DEVICE)
		refuse(error, "Node '%s' is not owned by the monitor", name);
	else if (!is_filter(node) || node->kind == KIND_VIEW)
		refuse(error, "Block format '%s' used by node '%s' does not support %s",
		       kind_driver(node->kind), name, verb);
	else if (!is_whole_filter(node))
		refuse(error, "Node '%s' has a table that is not one %s line from sector 0 of the device beneath, so it may show other data",
		       name, kind_target(node->kind));
	else
		return node;
	return NULL;
}

const struct node *find_parent(const struct graph *graph,
			       const char *name, struct error *error)
{
	const struct node *parent = is_path(name) ? NULL :
				    graph_find(graph, name);

	if (!parent)
		refuse(error, "Cannot find device='%s' nor node-name='%s'",
		       name, name);
	else if (!check_editable(parent, error))
		return parent;
	return NULL;
}

int not_child(const char *child, const struct node *parent,
	      struct error *error)
{
	return refuse(error, "'%s' not a child of %s'%s'", child,
		      parent->kind == KIND_DEVICE ? "device " : "",
		      parent->dev.name);
}

/* The device's own name as a child means the node beneath. */
int place_child(struct place *place, const struct graph *graph,
		const struct node *parent, const char *child,
		const struct node *root, struct error *error)
{
	const struct node *node;

	if (is_path(child))
		return place_leaf(place, graph, child, error);
	node = graph_find(graph, child);
	if (node == parent && parent->kind == KIND_DEVICE)
		node = root;
	if (!node)
		return refuse(error, "'%s' not a node name", child);
	place_at(place, node);
	return 0;
}

/* The first filter under a device: the root has its table. */
static int insert_first(const struct graph *graph, const struct node *parent,
			const struct node *node, const struct node *root,
			struct plan *plan, struct error *error)
{
	if (check_table(parent, error) ||
	    edit_check_not_moving(graph, parent, error) ||
	    past_check(graph, parent, parent->dev.devno, node, error) ||
	    check_sizes(node, parent->dev.name,
			kdm_table_len(&parent->table), error) ||
	    kdm_need_target(SHAPE_GUARD, error) ||
	    refresh_root(graph, plan, parent, root, error))
		return -1;
	edit_lay_on(graph, parent, node, root, plan);
	return 0;
}

static int insert_between(const struct graph *graph,
			  const struct node *parent, const struct place *child,
			  const char *child_name, const struct node *node,
			  struct plan *plan, struct error *error)
{
	struct place place;

	if (!node_uses(parent, child->devno))
		return not_child(child_name, parent, error);
	if (check_sizes(node, child_name, child->sectors, error))
		return -1;
	if (check_not_direct(parent, error))
		return -1;
	place_at(&place, node);
	return redirect(plan, graph, parent, child->devno, &place,
			node->kind == KIND_BACKUP, error);
}

int edit_insert(const struct graph *graph, const char *parent_name,
		const char *child_name, const char *node_name,
		struct plan *plan, struct error *error)
{
	const struct node *node = find_edited(graph, node_name, "insertion",
					      error);
	const struct node *parent, *on, *root;
	struct place child;

	if (!node)
		return -1;
	parent = find_parent(graph, parent_name, error);
	if (!parent)
		return -1;
	on = attached(graph, parent);
	root = on ? on : find_root(graph, parent);
	if (place_child(&child, graph, parent, child_name, root, error))
		return -1;
	if (!node_passes_to(node, child.devno))
		return not_child(child_name, node, error);
	if (node_reaches(graph, node, parent))
		return refuse(error, "'%s' is on top of '%s' already", node_name,
			      parent_name);
	if (target_check_edge(graph, parent, node, error))
		return -1;
	if (!on && root && child.node == root &&
	    names_root(parent, root, child_name))
		return insert_first(graph, parent, node, root, plan, error);
	return insert_between(graph, parent, &child, child_name, node, plan,
			      error);
}
