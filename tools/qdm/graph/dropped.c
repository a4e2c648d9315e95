// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LVM does not know of filters. When it changes a volume it loads its own table, which
 * drops the filters; when it removes a volume, filters and root are left behind and
 * keep the devices beneath open.
 *
 * The kernel keeps the data that distinguishes these from filters that were merely
 * made, or taken out by a client. A root's UUID identifies its device. Flagging the
 * root for deferred removal marks that its filters are under the device: it is removed
 * with the last filter on it, as plans do anyway.
 */
#include "graph/dropped.h"
#include "graph/resolve.h"
#include "graph/uuid.h"
#include "kernel/targets.h"

const struct node *only_above(const struct graph *graph,
			      const struct node *node)
{
	const struct node *above = NULL;
	const struct node *one;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		one = &graph->node[i];
		if (one->kind == KIND_VIEW || one->kind == KIND_DEVICE ||
		    !node_passes_to(one, node->dev.devno))
			continue;
		if (above)
			return NULL;
		above = one;
	}
	return above;
}

static const struct node *device_of(const struct graph *graph,
				    const struct node *root)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (is_root_of(root, &graph->node[i]))
			return &graph->node[i];
	return NULL;
}

/* Is a device that is not ours on top of it, directly or with filters in between? */
static bool is_in(const struct graph *graph, const struct node *node)
{
	const struct node *above;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		above = &graph->node[i];
		if (node_uses(above, node->dev.devno) &&
		    (above->kind == KIND_DEVICE || is_in(graph, above)))
			return true;
	}
	return false;
}

const struct node *dropped_from(const struct graph *graph,
				const struct node *node)
{
	const struct node *root = node_root(graph, node);

	if (!root || !root->dev.deferred || is_in(graph, root))
		return NULL;
	return device_of(graph, root);
}

bool comes_back(const struct node *filter)
{
	struct devno below;

	return (filter->kind == KIND_THROTTLE ||
		filter->kind == KIND_THRESHOLD) &&
	       shape_is_same(&filter->table, &below);
}

const struct node *find_dropped(const struct graph *graph,
				const struct node *device)
{
	const struct node *root = device->kind == KIND_DEVICE ?
				  find_root(graph, device) : NULL;
	const struct node *filter = root;

	if (!root || !root->dev.deferred || is_in(graph, root))
		return NULL;
	while ((filter = only_above(graph, filter)))
		if (comes_back(filter))
			return root;
	return NULL;
}

bool has_dropped(const struct graph *graph, const struct node *device)
{
	return find_dropped(graph, device);
}

bool has_lost_device(const struct graph *graph, const struct node *root)
{
	return root->kind == KIND_ROOT && root_is_identified(root) &&
	       !device_of(graph, root) && !is_in(graph, root);
}
