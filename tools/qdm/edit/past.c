// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A backup shows a single instant only if each write to its device passes its filter
 * first. So every edit of an edge checks here for backups between the edge's old and
 * its new lower end:
 *
 *	device		an active job that the new edge would bypass:
 *	  |	\\	later writes would be copied too late
 *	backup	 |
 *	  |	/	a job that was begun and would return under the device:
 *	root		writes since then were copied too late
 *
 * An edit below a backup moves its origin to a device with the same data, which the
 * kernel accepts for the same job. The destination is different: another word there
 * means another job, which would overwrite the data of the first.
 */
#include <stdio.h>

#include "edit/past.h"
#include "graph/job.h"

static int is_busy(const struct node *node, struct error *error)
{
	struct job job;

	job_name(&job, node->dev.name);
	return refuse(error, "Node '%s' is busy: block device is in use by block job: backup (job '%s'; job-cancel ends it, or qdm remove --cancel)",
		      job.node, job.id);
}

/* Not made yet: its job begins with the edit. */
static bool is_planned(const struct node *node)
{
	return !node->dev.devno.major;
}

static bool leads_to(const struct graph *graph, const struct node *node,
		     const struct node *wanted)
{
	while (node && node != wanted)
		node = node_same(graph, node);
	return node;
}

static int check_left(const struct graph *graph, const struct node *old,
		      const struct node *new, struct error *error)
{
	const struct node *node;

	for (node = old; node; node = node_same(graph, node))
		if (!is_planned(node) && job_runs(node) &&
		    !leads_to(graph, new, node))
			return is_busy(node, error);
	return 0;
}

static bool is_filter(const struct node *node)
{
	return node && node->kind != KIND_DEVICE && node->kind != KIND_ROOT;
}

static int check_come(const struct graph *graph, const struct node *old,
		      const struct node *new, struct error *error)
{
	const struct node *node;

	for (node = new; is_filter(node); node = node_same(graph, node)) {
		if (is_planned(node) || leads_to(graph, old, node))
			continue;
		if (job_runs(node))
			return is_busy(node, error);
		if (job_has_copied(node))
			return refuse(error, "Node '%s' has copied for an instant that is over; delete it and add it again",
				      node->dev.name);
	}
	return 0;
}

static bool writes_to(const struct node *node, struct devno devno)
{
	struct devno to;

	return node->kind == KIND_BACKUP && node->table.nr &&
	       sscanf(node->table.line[0].params, "%*s %*s %u:%u", &to.major,
		      &to.minor) == 2 &&
	       same_devno(to, devno);
}

int past_check(const struct graph *graph, const struct node *parent,
	       struct devno old, const struct node *new, struct error *error)
{
	const struct node *from = graph_at(graph, old);

	if (writes_to(parent, old))
		return refuse(error, "'%s' writes to the device at this edge, which cannot change: another backup would begin there and overwrite the first",
			      parent->dev.name);
	if (check_left(graph, from, new, error) ||
	    check_come(graph, from, new, error))
		return -1;
	return 0;
}

int past_check_words(const struct node *node, struct error *error)
{
	return job_runs(node) ? is_busy(node, error) : 0;
}
