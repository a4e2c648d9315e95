// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The root of a device. A device (an LVM volume, a crypt device: any dm device that is
 * not ours) always keeps its name, number and openers. To insert a filter under it, its
 * own table moves down into a node of its own, `<device>-root`, and the device becomes
 * a single guard line on top of the filter, which maps like a linear one:
 *
 *	vg-lv: linear to the PV		vg-lv: qguard to thr0
 *					thr0: qthrottle over vg-lv-root
 *					vg-lv-root: linear to the PV
 *
 * The root is made when the first filter is added over the device's name, and is then
 * idle: it maps the same blocks as the device, which still has its own table. The
 * insertion of the filter is the only swap. So the filter can exist before the
 * insertion, although the device is mounted and no filter can be stacked on top of it.
 * When the last filter is out the device has its own table again, and the root is
 * deleted with the last filter on top of it.
 *
 * If the device's table has changed in between (lvextend), the root is updated before
 * the swap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "edit/edit.h"
#include "edit/past.h"
#include "edit/steps.h"
#include "graph/resolve.h"
#include "graph/uuid.h"
#include "kernel/lvm.h"
#include "kernel/use.h"

/* An opener would read another device's data, or see another length. */
static int check_idle_on(const struct graph *graph, const struct node *root,
			 const struct node *below, struct error *error)
{
	const struct node *above;
	unsigned int idle = 0;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		above = &graph->node[i];
		if (!node_uses(above, below->dev.devno))
			continue;
		idle++;
		if (past_check_words(above, error) ||
		    check_idle_on(graph, root, above, error))
			return -1;
	}
	if (idle == below->dev.open_count)
		return 0;
	return refuse(error, "'%s' has another table than its device by now, and cannot get that while '%s' is in use",
		      root->dev.name, below->dev.name);
}

int refresh_root(const struct graph *graph, struct plan *plan,
		 const struct node *device, const struct node *root,
		 struct error *error)
{
	const struct kdm_how how = { .inner = true, .same = true };

	if (kdm_table_same(&device->table, &root->table) ||
	    plan_find(plan, STEP_LOAD, root->dev.name))
		return 0;
	if (check_editable(root, error) ||
	    check_idle_on(graph, root, root, error))
		return -1;
	copy_steps(plan, device, root, &how)->aside = true;
	return 0;
}

int edit_refresh(const struct graph *graph, const struct node *device,
		 const struct node *root, struct plan *plan,
		 struct error *error)
{
	if (check_editable(device, error) || check_table(device, error) ||
	    edit_check_not_moving(graph, device, error) ||
	    check_not_direct(device, error))
		return -1;
	return refresh_root(graph, plan, device, root, error);
}

static void create_root(struct plan *plan, const struct node *device,
			const char *name)
{
	struct step *step = plan_add(plan, STEP_CREATE, name);

	step->uuid = uuid_of_root(&device->dev);
	copy_table(step, device);
	step->how.inner = true;
}

/* Refuses a name in use: it may be the root of a device that was renamed. */
static int check_root_name(const struct graph *graph, const char *name,
			   struct error *error)
{
	const struct node *there = graph_find(graph, name);
	const struct node *above = there ? graph_above(graph, there->dev.devno) :
					   NULL;

	if (above)
		return refuse(error, "'%s' cannot be the name of a new node, as '%s' is on top of one of that name",
			      name, above->dev.name);
	if (there || strlen(name) >= KDM_NAME_LEN ||
	    name[strspn(name, DM_PLAIN_CHARS)])
		return refuse(error, "'%s' cannot be the name of a new node",
			      name);
	return 0;
}

/* pvmove removes its temporary volume, and cannot while a root is on top of it. */
int edit_check_not_moving(const struct graph *graph,
			  const struct node *device, struct error *error)
{
	const struct node *below;
	size_t i;

	for (i = 0; i < device->nr_below; i++) {
		below = graph_at(graph, device->below[i]);
		if (below && lvm_is_moving(&below->dev))
			return refuse(error, "Device '%s' is being moved by pvmove; try again when that has ended",
				      device->dev.name);
	}
	return 0;
}

static int have_root(const struct graph *graph, const struct node *device,
		     struct place *place, struct plan *plan,
		     struct error *error)
{
	const struct node *root = find_root(graph, device);
	char *name;
	int result;

	if (root) {
		place->node = root;
		place->devno = root->dev.devno;
		snprintf(place->word, sizeof(place->word), MAPPER "%s",
			 root->dev.name);
		return refresh_root(graph, plan, device, root, error);
	}
	name = new_derived_name(graph, device->dev.name, "root");
	result = check_root_name(graph, name, error);
	if (!result) {
		snprintf(place->word, sizeof(place->word), MAPPER "%s", name);
		create_root(plan, device, name);
	}
	free(name);
	return result;
}

/* The device's root as a place for a filter; plans it if it does not exist. */
int place_root(struct place *place, const struct graph *graph,
	       const struct node *device, struct plan *plan,
	       struct error *error)
{
	*place = (struct place){
		.data = device,
		.sectors = kdm_table_len(&device->table),
		.inner = true,
		.under = true,
	};
	if (check_editable(device, error) || check_table(device, error) ||
	    edit_check_not_moving(graph, device, error) ||
	    check_not_direct(device, error))
		return -1;
	return have_root(graph, device, place, plan, error);
}

/* A root with only this node on top of it is unused after the node is deleted. */
void remove_last_root(const struct graph *graph,
		      const struct node *node, struct plan *plan)
{
	const struct node *root = node->nr_below ?
				  graph_at(graph, node->below[0]) : NULL;

	if (root && root->kind == KIND_ROOT && !node_is_host(root) &&
	    graph_users(graph, root->dev.devno) <= 1 &&
	    !use_stays_open(root->dev.name, 1))
		plan_add(plan, STEP_REMOVE, root->dev.name);
}

/* Otherwise it would be deleted with its filter, before the plan's step. */
void keep_root(const struct graph *graph, const struct node *node,
	       struct plan *plan)
{
	const struct node *root = node->nr_below ?
				  graph_at(graph, node->below[0]) : NULL;

	if (root && root->kind == KIND_ROOT && root->dev.deferred &&
	    graph_users(graph, root->dev.devno) <= 1)
		plan_add(plan, STEP_MESSAGE, root->dev.name)->text =
			copy("@cancel_deferred_remove");
}

bool names_root(const struct node *parent, const struct node *root,
		const char *child)
{
	return parent->kind == KIND_DEVICE &&
	       (!strcmp(child, parent->dev.name) ||
		!strcmp(child, root->dev.name));
}
