// SPDX-License-Identifier: GPL-2.0-or-later
/* Removing filters from a stack, and deleting nodes. */
#include "base/alloc.h"
#include "edit/edit.h"
#include "edit/past.h"
#include "edit/steps.h"
#include "graph/resolve.h"
#include "kernel/use.h"

/* The last filter is out: the device gets its own table back. */
static int remove_last(const struct graph *graph, const struct node *parent,
		       const struct node *root, struct plan *plan,
		       struct error *error)
{
	const struct kdm_how how = {
		.same = true,
		.read_ahead = kdm_read_ahead(parent->dev.name),
	};

	if (past_check(graph, parent, parent->below[0], root, error))
		return -1;
	copy_steps(plan, root, parent, &how)->comes_out = copy(root->dev.name);
	return 0;
}

int edit_remove(const struct graph *graph, const char *parent_name,
		const char *child_name, const char *node_name,
		struct plan *plan, struct error *error)
{
	const struct node *node = find_edited(graph, node_name, "removal",
					      error);
	const struct node *parent, *root;
	struct place child;

	if (!node)
		return -1;
	parent = find_parent(graph, parent_name, error);
	if (!parent)
		return -1;
	root = find_root(graph, parent);
	if (place_child(&child, graph, parent, child_name, root, error))
		return -1;
	if (!node_passes_to(node, child.devno))
		return not_child(child_name, node, error);
	if (!node_uses(parent, node->dev.devno))
		return not_child(node_name, parent, error);
	if (root && child.node == root && attached(graph, parent) == node)
		return remove_last(graph, parent, root, plan, error);
	return redirect(plan, graph, parent, node->dev.devno, &child, false,
			error);
}

bool is_left_over(const struct node *node)
{
	char target[2] = "";

	if (node->kind == KIND_DEVICE || node->dev.open_count)
		return false;
	if (!node->dev.live)
		return true;
	return node->kind == KIND_BACKUP && node->table.nr &&
	       sscanf(node->table.line[0].params, "%*s %*s %1s ", target) == 1 &&
	       *target == '-';
}

void edit_bury(struct graph *graph, const char *name, struct plan *plan)
{
	struct node *node = graph_find(graph, name);

	if (!node || !is_left_over(node))
		return;
	plan_add(plan, STEP_REMOVE, name);
	graph_drop(graph, node);
}

int edit_delete(const struct graph *graph, const char *name,
		struct plan *plan, struct error *error)
{
	const struct node *node = graph_find(graph, name);

	if (!node)
		return refuse(error, "Failed to find node with node-name='%s'",
			      name);
	if (node->kind == KIND_DEVICE)
		return refuse(error, "Node %s is not owned by the monitor",
			      name);
	if (past_check_words(node, error))
		return -1;
	if (graph_above(graph, node->dev.devno) || use_stays_open(name, 0))
		return refuse(error, "Node %s is in use", name);
	keep_root(graph, node, plan);
	plan_add(plan, STEP_REMOVE, name);
	remove_last_root(graph, node, plan);
	return 0;
}
