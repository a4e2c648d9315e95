// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Checks of a backup's destination. The kernel refuses a destination that is mounted,
 * but counts all of device-mapper as one user. So it would overwrite a disk of a volume
 * group with other volumes, the origin itself, or the destination of another backup.
 * The graph shows how the devices are stacked, kernel/use.c who has one open or
 * mounted, and kernel/signature.c the content of an unused one.
 *
 *	source    destination	refused if it is above or beneath the source, or a
 *	   |           |	partition of it, also through files, arrays and loop
 *	  PV          disk	devices; or if any device is on top of it or a program
 *				has it open, except a backup that is over
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/backup-target.h"
#include "graph/job.h"
#include "kernel/host.h"
#include "kernel/signature.h"
#include "kernel/targets.h"
#include "kernel/use.h"

#define DEPTH	64

/* @nr: the number of devices beneath to follow. */
static bool uses(const struct node *node, size_t nr, struct devno devno)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (use_overlap(node->below[i], devno))
			return true;
	return false;
}

/*
 * Is it the device, or on top of it, at whatever depth? Follows the data, or with @all
 * also the destinations of backups in between.
 */
static bool rests_on(const struct graph *graph, struct devno at,
		     struct devno devno, bool all, int depth)
{
	const struct node *node = graph_at(graph, at);
	struct devno *below;
	bool found = false;
	size_t nr, i;

	if (use_overlap(at, devno))
		return true;
	if (!node)
		host_below(at, &below, &nr);
	else if (node->kind == KIND_BACKUP && !all && node->nr_below)
		nr = 1;
	else
		nr = node->nr_below;
	for (i = 0; i < nr && !found && depth < DEPTH; i++)
		found = rests_on(graph, node ? node->below[i] : below[i],
				 devno, all, depth + 1);
	if (!node)
		free(below);
	return found;
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
			return refuse(error, "'%s' is on top of destination '%s', which would be overwritten",
				      user->dev.name, name);
		if (!job_is_over(user))
			return refuse(error, "destination '%s' is the destination of '%s' already",
				      name, user->dev.name);
	}
	return 0;
}

/*
 * Other users
 */

/* Openers of a dm device are counted; those of any other are searched. */
static bool is_open(const struct graph *graph, struct devno devno)
{
	const struct node *node = graph_at(graph, devno);
	const unsigned int users = graph_users(graph, devno);
	struct error ignored = { 0 };
	struct kdm_device now;
	char text[USE_TEXT];

	if (node)
		return kdm_find(node->dev.name, &now, &ignored) == 1 &&
		       now.open_count > users;
	return (!users && use_is_claimed(devno)) ||
	       use_by_program(devno, text);
}

static bool stays_open(const struct graph *graph, struct devno devno)
{
	struct use_wait wait = { 0 };

	while (is_open(graph, devno))
		if (!use_wait(&wait))
			return true;
	return false;
}

static int check_use(const struct graph *graph, struct devno target,
		     const char *name, struct error *error)
{
	const struct node *node = graph_at(graph, target);
	char text[USE_TEXT];

	if (!target.major)
		return 0;
	if (node && node->dev.suspended)
		return refuse(error, "destination '%s' is suspended; resume it first",
			      name);
	if (use_by_kernel(target, text))
		return refuse(error, "destination '%s' %s", name, text);
	if (!stays_open(graph, target))
		return 0;
	if (!use_by_program(target, text))
		snprintf(text, sizeof(text), "is open in another program");
	return refuse(error, "destination '%s' %s", name, text);
}

/* One of the names of the destination: @above is the node that refers to it. */
static int check_level(const struct graph *graph, const struct node *above,
		       const struct place *source, struct devno target,
		       const char *name, struct error *error)
{
	const struct node *data = source->data;

	if (use_overlap(data ? data->dev.devno : source->devno, target))
		return refuse(error, "Source and target cannot be the same");
	if (rests_on(graph, data ? data->dev.devno : source->devno, target,
		     false, 0))
		return refuse(error, "destination '%s' is beneath the backed-up device and would be overwritten",
			      name);
	if (check_users(graph, above, target, name, error))
		return -1;
	return check_use(graph, target, name, error);
}

/* Down through filters and leaf nodes, which show the data beneath. */
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

/*
 * Its content
 */

static void read_source(const struct graph *graph, const struct place *source,
			struct signature *signature)
{
	const struct node *root = node_root(graph, source->data);
	const struct node *node = root ? root : source->data;
	struct error ignored = { 0 };

	signature_read(signature, node ? node->dev.devno : source->devno, "",
		       &ignored);
}

/* An earlier backup of the same device has the device's signature, and may be replaced. */
static int check_content(const struct graph *graph, const struct place *source,
			 const struct place *target, const char *name,
			 bool keep, struct error *error)
{
	struct signature held, backed_up = { 0 };

	if (signature_read(&held, target->devno, name, error))
		return -1;
	if (!*held.type || (!keep && !*held.group))
		return 0;
	read_source(graph, source, &backed_up);
	if (signature_same(&held, &backed_up))
		return 0;
	if (!strcmp(held.group, "?"))
		return refuse(error, "destination '%s' is a physical volume of LVM",
			      name);
	if (*held.group)
		return refuse(error, "destination '%s' is a physical volume of group '%s'",
			      name, held.group);
	return refuse(error, "destination '%s' holds other data than an earlier backup of this device (%s%s%s); --force overwrites it",
		      name, held.type, *held.uuid ? ", UUID " : "", held.uuid);
}

/* Does the existing backup have this destination already? */
static bool has_it(const struct node *node, const struct place *target)
{
	return node && node->nr_below > 1 &&
	       same_devno(node->below[1], target->devno);
}

static int refuse_circle(const struct place *target, const char *name,
			 struct error *error)
{
	char file[300];

	if (host_loop_file(target->devno, file, sizeof(file)))
		return refuse(error, "destination '%s' is the file '%s', which is on top of the backed-up device",
			      name, file);
	return refuse(error, "destination '%s' is on top of the backed-up device",
		      name);
}

/* Also the same data under another name: a root that is still idle. */
static bool is_circle(const struct graph *graph, const struct place *source,
		      const struct place *target)
{
	const struct node *data = source->data;
	const struct node *root = data && data->kind == KIND_DEVICE ?
				  find_root(graph, data) : NULL;

	return rests_on(graph, target->devno,
			data ? data->dev.devno : source->devno, true, 0) ||
	       (root && rests_on(graph, target->devno, root->dev.devno, true,
				 0));
}

int target_check(const struct graph *graph, const struct node *node,
		 const struct place *source, const struct place *target,
		 const char *name, bool keep, struct error *error)
{
	if (check_levels(graph, node, source, target, name, error))
		return -1;
	if (is_circle(graph, source, target))
		return refuse_circle(target, name, error);
	if (node_root(graph, target->node))
		return refuse(error, "destination '%s' shows the data of another device",
			      name);
	if (has_it(node, target) || !target->devno.major)
		return 0;
	return check_content(graph, source, target, name, keep, error);
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
			    false, error);
}
