// SPDX-License-Identifier: GPL-2.0-or-later
/* New filters, and nodes over leaves. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "edit/edit.h"
#include "edit/steps.h"
#include "graph/backup-target.h"
#include "graph/resolve.h"
#include "graph/uuid.h"

#define NODE_NAME_MAX	63

/* The place of a new filter: by path on top of the device, by name under it. */
int place_file(struct place *place, const struct graph *graph,
	       const char *file, struct plan *plan,
	       struct error *error)
{
	const struct node *node;

	if (is_path(file))
		return place_leaf(place, graph, file, error);
	node = graph_find(graph, file);
	if (!node)
		return refuse(error, "Cannot find device='%s' nor node-name='%s' (a device that is not under device-mapper is named by its path)",
			      file, file);
	if (node->kind == KIND_DEVICE && !attached(graph, node))
		return place_root(place, graph, node, plan, error);
	if (node->kind == KIND_DEVICE)
		node = attached(graph, node);
	place_at(place, node);
	place->under = node_root(graph, node);
	return 0;
}

/* A name that only `qdm insert --node` uses, so that doctor recognises it. */
static char *passing_name(const char *name)
{
	return print("%s" PASSING_END, name);
}

/* Checks a name chosen by a client; names derived from a device have its characters. */
static int check_chosen_name(const char *name, struct error *error)
{
	if (name[strspn(name, NAME_CHARS)] ||
	    !strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
		    *name) || !*name)
		return refuse(error, "Invalid node-name: '%s' (a letter, then letters, digits, '-', '.' and '_')",
			      name);
	if (strlen(name) > NODE_NAME_MAX)
		return refuse(error, "Node name too long ('%s', at most %d)",
			      name, NODE_NAME_MAX);
	return 0;
}

static int check_new_name(const struct graph *graph, const char *name,
			  struct error *error)
{
	const struct node *there = graph_find(graph, name);
	char *passing = passing_name(name);
	bool halfway = graph_find(graph, passing);

	free(passing);
	if (halfway)
		return refuse(error, "node '%s' is being inserted, or that command was killed (device '%s" PASSING_END "'; qdm doctor --repair)",
			      name, name);
	if (!there)
		return 0;
	if (there->kind == KIND_DEVICE)
		return refuse(error, "node-name=%s is conflicting with a device id",
			      name);
	return refuse(error, "Duplicate nodes with node-name='%s'", name);
}

/* The device that the word names now; a node that is only planned has no number yet. */
void see_device(struct plan *plan, const struct place *place)
{
	if (place->devno.major)
		sights_add(&plan->seen, place->word, place->devno);
}

/* A new filter's words, with a backup's destination; @node if it exists already. */
int filter_params(char **params, const struct graph *graph,
		  const struct node *node, const struct filter *filter,
		  const struct place *below, struct place *target,
		  struct error *error)
{
	*target = (struct place){ 0 };
	*params = NULL;
	if (!filter->target) {
		*params = print("%s 0%s%s", below->word,
				*filter->tail ? " " : "", filter->tail);
		return 0;
	}
	if (place_named(target, graph, filter->target, error) ||
	    target_check(graph, node, below, target, filter->target,
			 filter->keep, error))
		return -1;
	if (target->sectors < below->sectors)
		return refuse(error, "destination '%s' is smaller (%llu bytes) than '%s' (%llu bytes)",
			      filter->target,
			      (unsigned long long)target->sectors * SECTOR,
			      filter->file,
			      (unsigned long long)below->sectors * SECTOR);
	*params = print("%s 0 %s 0 %s", below->word, target->word,
			filter->tail);
	return 0;
}

int edit_add(const struct graph *graph, const struct filter *filter,
	     struct plan *plan, struct error *error)
{
	struct place below, target;
	struct step *step;
	char *params;

	if ((!filter->derived && check_chosen_name(filter->name, error)) ||
	    check_new_name(graph, filter->name, error) ||
	    place_file(&below, graph, filter->file, plan, error) ||
	    filter_params(&params, graph, NULL, filter, &below, &target,
			  error))
		return -1;
	see_device(plan, &below);
	see_device(plan, &target);
	if (!below.sectors) {
		free(params);
		return refuse(error, "Device '%s' has no medium",
			      filter->file);
	}
	step = plan_add(plan, STEP_CREATE, filter->name);
	if (filter->passing) {
		free(step->name);
		step->name = passing_name(filter->name);
	}
	step->uuid = uuid_of_filter(filter->kind, filter->name, below.under);
	step->target = target.devno;
	kdm_table_add(&step->table, 0, below.sectors, kind_target(filter->kind),
		      params);
	step->how.inner = below.inner;
	free(params);
	return 0;
}

/* A named node for a leaf: one linear line over all of it. */
int edit_add_host(const struct graph *graph, const char *name,
		  const char *path, struct plan *plan, struct error *error)
{
	struct place leaf;
	struct step *step;
	char *params;

	if (check_chosen_name(name, error) || check_new_name(graph, name, error))
		return -1;
	if (!is_path(path))
		return refuse(error, "Could not open '%s': the path has to begin with a slash",
			      path);
	if (place_leaf(&leaf, graph, path, error))
		return -1;
	if (!leaf.sectors)
		return refuse(error, "Device '%s' has no medium", path);
	step = plan_add(plan, STEP_CREATE, name);
	step->uuid = uuid_of_leaf(name);
	see_device(plan, &leaf);
	params = print("%s 0", leaf.word);
	kdm_table_add(&step->table, 0, leaf.sectors, "linear", params);
	step->how.inner = true;
	free(params);
	return 0;
}
