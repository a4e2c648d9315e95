// SPDX-License-Identifier: GPL-2.0-or-later
/* Leftovers of killed commands, and of devices that LVM changed or removed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor/check.h"
#include "cli/verbs.h"
#include "edit/edit.h"
#include "edit/limit.h"
#include "edit/put-back.h"
#include "graph/dropped.h"
#include "graph/graph.h"
#include "graph/resolve.h"
#include "kernel/targets.h"

bool is_ours(const struct node *node)
{
	return node->kind != KIND_DEVICE;
}

/* The command was killed before it loaded the table. */
static bool check_empty(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (!is_ours(node) || node->dev.live)
		return false;
	say(check, mend(check, name, kdm_remove),
	    "node '%s' has no table: a command was killed while it made it",
	    name);
	return true;
}

static bool has_ours(const struct graph *graph, const struct devno *deps,
		     size_t nr)
{
	const struct node *below;
	size_t i;

	for (i = 0; i < nr; i++) {
		below = graph_at(graph, deps[i]);
		if (below && is_ours(below))
			return true;
	}
	return false;
}

/* The device's own table, restored with the removal of its last filter. */
static bool loads_root(const struct graph *graph, const struct node *node)
{
	const struct node *root = find_root(graph, node);
	struct error ignored = { 0 };
	struct kdm_table loaded;
	bool same;

	if (!root || kdm_loaded(node->dev.name, &loaded, &ignored))
		return false;
	same = kdm_table_same(&loaded, &root->table);
	kdm_table_free(&loaded);
	return same;
}

/* The live table without the topmost filter, as a removal over a leaf loads it. */
static bool loads_one_less(const struct graph *graph, const struct node *node)
{
	const struct node *filter = node->nr_below ?
				    graph_at(graph, node->below[0]) : NULL;
	struct error ignored = { 0 };
	struct kdm_table loaded, wanted;
	const char *stuck;
	char below[32];
	bool same;

	if (!filter || !is_ours(filter) || !filter->nr_below)
		return false;
	snprintf(below, sizeof(below), "%u:%u", filter->below[0].major,
		 filter->below[0].minor);
	if (!shape_replace(&wanted, &node->table, filter->dev.devno, below,
			   &stuck))
		return false;
	same = !kdm_loaded(node->dev.name, &loaded, &ignored) &&
	       kdm_table_same(&loaded, &wanted);
	kdm_table_free(&loaded);
	kdm_table_free(&wanted);
	return same;
}

/* Is the loaded table one of ours? LVM may be swapping one at the moment. */
static bool loads_ours(const struct graph *graph, const struct node *node)
{
	struct error ignored = { 0 };
	struct devno *deps;
	bool found;
	size_t nr;

	if (!node->dev.pending)
		return false;
	if (is_ours(node) || loads_root(graph, node) ||
	    loads_one_less(graph, node))
		return true;
	if (kdm_loaded_deps(node->dev.name, &deps, &nr, &ignored))
		return false;
	found = has_ours(graph, deps, nr);
	free(deps);
	return found;
}

/* Is there a filter or root beneath this device, or made for it? */
static bool is_edited(const struct graph *graph, const struct node *node)
{
	return is_ours(node) || find_root(graph, node) ||
	       has_ours(graph, node->below, node->nr_below) ||
	       loads_ours(graph, node);
}

static void check_pending(struct check *check, const struct node *node,
			  bool ours)
{
	const char *name = node->dev.name;

	if (!node->dev.pending)
		return;
	say(check, ours ? mend(check, name, kdm_clear) : TROUBLE,
	    "device '%s' has a table loaded that is not live%s", name,
	    ours ? ": a command was killed before the swap" :
	           "; it may be another program's (dmsetup clear)");
}

/*
 * The program that suspended it is unknown. LVM suspends devices briefly, and a resume
 * would disturb it; a suspend by a killed command lasts.
 */
static bool goes_on_by_itself(const char *name)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct error ignored = { 0 };
	struct kdm_device device;
	int left;

	for (left = doctor_patience / 100; left >= 0; left--) {
		if (kdm_find(name, &device, &ignored) != 1 || !device.suspended)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void check_suspended(struct check *check, const struct node *node,
			    bool ours)
{
	const char *name = node->dev.name;

	if (!node->dev.suspended || !node->dev.live)
		return;
	if (!node->dev.pending && is_edited(&check->graph, node)) {
		if (goes_on_by_itself(name))
			return;
		ours = true;
	}
	say(check, ours ? mend(check, name, resume_plainly) : TROUBLE,
	    "device '%s' is suspended%s", name,
	    ours ? "" : "; another program may have suspended it (dmsetup resume)");
}

static void check_half_way(struct check *check, const struct node *node)
{
	bool ours = loads_ours(&check->graph, node);

	check_pending(check, node, ours);
	check_suspended(check, node, ours || is_ours(node));
}

/* The only repair that swaps tables: it runs a plan, which waits for udev itself. */
int check_on_their_way(struct check *check, struct error *error)
{
	const struct node *node;
	bool again = false;
	size_t i;

	for (i = 0; i < check->graph.nr; i++) {
		node = &check->graph.node[i];
		if (!limit_is_on_its_way(node) ||
		    !graph_above(&check->graph, node->dev.devno))
			continue;
		again = true;
		say(check, mend(check, node->dev.name, take_out),
		    "filter '%s' is in no group yet: block_set_io_throttle was killed before it gave the group its limits",
		    node->dev.name);
	}
	return again ? read_again(check, error) : 0;
}

/* A loaded table holds its devices open until it is cleared. */
int check_halfway(struct check *check, struct error *error)
{
	const struct node *node;
	size_t i;

	for (i = 0; i < check->graph.nr; i++) {
		node = &check->graph.node[i];
		if (check_empty(check, node))
			continue;
		check_half_way(check, node);
	}
	return read_again(check, error);
}

/* A leaf's node may be waiting for its filter, as a filter for its insertion. */
static void check_host(struct check *check, const struct node *node)
{
	enum outcome outcome = NOTE;

	if (check->options->idle)
		outcome = mend(check, node->dev.name, kdm_remove);
	say(check, outcome, "node '%s' has nothing on it (blockdev-del, or --repair --idle)",
	    node->dev.name);
}

/* A root with nothing on top of it is unused, but a filter may be about to be made. */
void check_root(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (node->kind != KIND_ROOT || !node->dev.live || node->dev.open_count)
		return;
	if (node_is_host(node)) {
		check_host(check, node);
		return;
	}
	say(check, mend(check, name, kdm_remove),
	    "root '%s' has nothing on it: a command was killed before it made the filter, or after it removed it",
	    name);
}

void check_type(struct check *check, const struct node *node)
{
	const char *wanted = kind_target(node->kind);

	if (wanted && node->table.nr && strcmp(node->table.line[0].type, wanted))
		say(check, TROUBLE, "node '%s' is a %s by its UUID and has a table of target '%s'",
			node->dev.name, kind_word(node->kind),
			node->table.line[0].type);
}

/* lvextend and other commands of LVM load a table without the filter. */
static bool check_dropped(struct check *check, const struct node *node)
{
	const struct node *device;

	if (node->kind == KIND_ROOT || !is_ours(node) || node->dev.open_count)
		return false;
	device = dropped_from(&check->graph, node);
	if (!device)
		return false;
	if (node->kind == KIND_BACKUP)
		say(check, NOTE, "filter '%s' was dropped: device '%s' was given another table by LVM or dmsetup; a backup is not put back",
		    node->dev.name, device->dev.name);
	else
		say(check, mend(check, device->dev.name, put_back_dropped),
		    "filter '%s' was dropped: device '%s' was given another table by LVM or dmsetup",
		    node->dev.name, device->dev.name);
	return true;
}

void check_lost(struct check *check, const struct node *node)
{
	if (has_lost_device(&check->graph, node))
		say(check, mend(check, node->dev.name, take_lost_down),
		    "root '%s' has lost its device: that was removed with a filter under it",
		    node->dev.name);
}

/* These repairs swap tables as well. */
int check_all_dropped(struct check *check, struct error *error)
{
	bool any = false;
	size_t i;

	for (i = 0; i < check->graph.nr; i++)
		any |= check_dropped(check, &check->graph.node[i]);
	return any ? read_again(check, error) : 0;
}
