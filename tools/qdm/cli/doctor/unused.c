// SPDX-License-Identifier: GPL-2.0-or-later
/* Filters with nothing above them. */
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "cli/doctor/check.h"
#include "cli/verbs.h"
#include "graph/dropped.h"
#include "graph/graph.h"

/* The device that a filter is meant for, by the root beneath. */
static char *meant_for(const struct graph *graph, const struct node *node)
{
	while (node && node->kind != KIND_ROOT)
		node = node->nr_below ? graph_at(graph, node->below[0]) : NULL;
	if (!node)
		return copy("");
	return print("%.*s", (int)(strlen(node->dev.name) - strlen("-root")),
		     node->dev.name);
}

/* A command that begins a full backup makes its filter without a destination. */
static bool has_not_begun(const struct node *node)
{
	return node->kind == KIND_BACKUP && node->nr_below == 1;
}

/*
 * Filters are named after the device, and a filter for `qdm insert --node` has a
 * temporary name until it is inserted. A job's name may be a client's choice.
 */
static bool has_given_name(const struct graph *graph, const struct node *node)
{
	char *device = meant_for(graph, node);
	char *given = print("%s-%s", device, kind_word(node->kind));
	bool same = !strcmp(node->dev.name, given) || has_not_begun(node);

	free(given);
	free(device);
	return same || is_passing(&node->dev);
}

/*
 * A filter that is meant for a device and has nothing on top of it has no effect. A
 * filter on a leaf, given by path, may be mounted any time and is left alone.
 */
static bool is_idle(const struct graph *graph, const struct node *node)
{
	return is_ours(node) && node->kind != KIND_ROOT && node->dev.live &&
	       !node->dev.open_count && node_is_inner(graph, node) &&
	       !dropped_from(graph, node);
}

void check_idle(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (!is_idle(&check->graph, node))
		return;
	if (has_given_name(&check->graph, node))
		say(check, TROUBLE, "filter '%s' has nothing on it: a command was killed while it put it in or took it out",
		    name);
	else
		say(check, NOTE, "filter '%s' has nothing on it: it was not put in yet, or taken out and not deleted (blockdev-del, or --repair --idle)",
		    name);
}

static bool clear_idle(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (!is_idle(&check->graph, node) ||
	    (!check->options->idle && !has_given_name(&check->graph, node)) ||
	    mend(check, name, kdm_remove) != REPAIRED)
		return false;
	say(check, REPAIRED, "filter '%s' has nothing on it", name);
	return true;
}

/* The filter was inserted, and the command killed before the rename. */
void check_passing(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (!is_passing(&node->dev) || !node->dev.live ||
	    !node->dev.open_count)
		return;
	say(check, mend(check, name, give_name),
	    "filter '%s' should be named '%s': a command was killed after the insertion",
	    name, node_name(&node->dev));
}

int read_again(struct check *check, struct error *error)
{
	if (!changes(check))
		return 0;
	graph_free(&check->graph);
	return graph_read(&check->graph, error);
}

/* Filters beneath a removed one may be unused now. */
int clear_filters(struct check *check, struct error *error)
{
	bool again = false;
	size_t i;

	for (i = 0; i < check->graph.nr; i++)
		again |= clear_idle(check, &check->graph.node[i]);
	if (!again)
		return 0;
	if (read_again(check, error))
		return -1;
	return clear_filters(check, error);
}
