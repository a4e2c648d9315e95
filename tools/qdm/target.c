// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a backup may write to. The kernel refuses a target that is mounted, but all
 * of device-mapper counts as one user to it, so a volume group's disk that other
 * volumes lie on, the backed-up device itself, or a target of another backup would
 * be overwritten. The graph knows who lies where.
 *
 *	source      target      not if the target is the source, or a partition of
 *	   |           |        it, lies on it, or lies under it; nor if anybody else
 *	  PV          disk      lies on the target, but a backup that is over
 */
#include <stdio.h>

#include "job.h"
#include "shape.h"
#include "target.h"

/* A disk and its partition are two devices in one place. */
static bool overlap(struct devno a, struct devno b)
{
	return same_devno(a, b) || same_devno(kdm_disk(a), b) ||
	       same_devno(a, kdm_disk(b));
}

/* @nr: of the devices that it lies on, so many count. */
static bool uses(const struct node *node, size_t nr, struct devno devno)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (overlap(node->below[i], devno))
			return true;
	return false;
}

/*
 * Is it the device, or does it lie on that at whatever depth? Where its data comes
 * from, or with @all also where backups in between go to.
 */
static bool rests_on(const struct graph *graph, const struct node *node,
		     struct devno devno, bool all)
{
	size_t nr = node->kind == KIND_BACKUP && !all && node->nr_below ?
		    1 : node->nr_below;
	const struct node *below;
	size_t i;

	if (same_devno(node->dev.devno, devno) || uses(node, nr, devno))
		return true;
	for (i = 0; i < nr; i++) {
		below = graph_at(graph, node->below[i]);
		if (below && rests_on(graph, below, devno, all))
			return true;
	}
	return false;
}

static int check_users(const struct graph *graph, const struct node *self,
		       struct devno target, const char *name,
		       struct error *error)
{
	const struct node *user;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		user = &graph->node[i];
		if (user == self || !uses(user, user->nr_below, target))
			continue;
		if (user->kind != KIND_BACKUP || node_passes_to(user, target))
			return refuse(error, "'%s' lies on target '%s', which would be overwritten",
				      user->dev.name, name);
		if (!job_is_over(user))
			return refuse(error, "target '%s' is the target of '%s' already",
				      name, user->dev.name);
	}
	return 0;
}

/* One of the names that the target has: @above is what leads to it. */
static int check_level(const struct graph *graph, const struct node *above,
		       const struct place *source, struct devno target,
		       const char *name, struct error *error)
{
	const struct node *data = source->data;

	if (overlap(data ? data->dev.devno : source->devno, target))
		return refuse(error, "Source and target cannot be the same");
	if (data && rests_on(graph, data, target, false))
		return refuse(error, "target '%s' lies under what is backed up and would be overwritten",
			      name);
	return check_users(graph, above, target, name, error);
}

/* Down through filters and nodes of leaves, which show what lies below them. */
static int check_levels(const struct graph *graph, const struct node *self,
			const struct place *source, const struct place *target,
			const char *name, struct error *error)
{
	const struct node *node = target->node;
	const struct node *above = self;
	struct devno at = target->devno;

	while (!check_level(graph, above, source, at, name, error)) {
		if (!node || node->kind == KIND_DEVICE ||
		    !shape_is_same(&node->table, &at))
			return 0;
		above = node;
		node = graph_at(graph, at);
	}
	return -1;
}

int target_check(const struct graph *graph, const struct node *node,
		 const struct place *source, const struct place *target,
		 const char *name, struct error *error)
{
	const struct node *data = source->data;

	if (check_levels(graph, node, source, target, name, error))
		return -1;
	if (target->node &&
	    rests_on(graph, target->node,
		     data ? data->dev.devno : source->devno, true))
		return refuse(error, "target '%s' lies on what is backed up",
			      name);
	if (node_root(graph, target->node))
		return refuse(error, "target '%s' shows the data of another device",
			      name);
	return 0;
}

int target_check_edge(const struct graph *graph, const struct node *parent,
		      const struct node *node, struct error *error)
{
	const struct place source = { .data = parent };
	struct place target;
	char number[32];

	if (node->kind != KIND_BACKUP || node->nr_below < 2 ||
	    node_reaches(graph, parent, node))
		return 0;
	target = (struct place){
		.node = graph_at(graph, node->below[1]),
		.devno = node->below[1],
	};
	snprintf(number, sizeof(number), "%u:%u", target.devno.major,
		 target.devno.minor);
	return target_check(graph, node, &source, &target,
			    target.node ? target.node->dev.name : number,
			    error);
}
