// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From a command on the graph to the plan that carries it out. Everything is
 * checked here, before anything is touched, in QEMU's order and with QEMU's
 * words where it has some.
 *
 * The root of a device. A device (an LVM volume, a crypt device: any dm device
 * that is not ours) keeps its name, number and openers for ever. To get a
 * filter under it, its own table has to move down into a node of its own,
 * `<device>-root`, and the device becomes one guard line onto the filter, which maps
 * like a linear one:
 *
 *	vg-lv: linear to the PV		vg-lv: qguard to thr0
 *					thr0: qthrottle over vg-lv-root
 *					vg-lv-root: linear to the PV
 *
 * The root is made when the first filter is added over the device's name, and
 * is then idle: it maps the same blocks as the device, which still goes its
 * own way. Inserting the filter is the one swap. So the filter can exist
 * before the insertion, although the device is mounted and nothing can lie on
 * top of it. When the last filter is out the device has its own table again,
 * and the root goes with the last filter that lies on it.
 *
 * If the device's table has changed in between (lvextend), the root's is made
 * the same before the swap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "edit/edit.h"
#include "edit/past.h"
#include "graph/backup-target.h"
#include "graph/resolve.h"
#include "graph/uuid.h"
#include "kernel/lvm.h"
#include "kernel/targets.h"
#include "kernel/use.h"

#define SECTOR		512
#define NODE_NAME_MAX	63
#define MAPPER		"/dev/mapper/"

static bool is_filter(const struct node *node)
{
	return node->kind != KIND_DEVICE && node->kind != KIND_ROOT;
}

/* The table that was loaded before swaps with the one that is there now. */
static struct step *plan_resume(struct plan *plan, const struct node *node)
{
	struct step *loads = &plan->step[plan->nr - 1];
	struct step *step;

	kdm_table_copy(&loads->was, &node->table);
	step = plan_add(plan, STEP_RESUME, node->dev.name);
	kdm_table_copy(&step->was, &node->table);
	return step;
}

static void copy_table(struct step *step, const struct node *from)
{
	step->copy_of = copy(from->dev.name);
	kdm_table_copy(&step->original, &from->table);
}

static struct step *copy_steps(struct plan *plan, const struct node *from,
			       const struct node *to, const struct kdm_how *how)
{
	struct step *step;

	step = plan_add(plan, STEP_LOAD, to->dev.name);
	copy_table(step, from);
	step = plan_resume(plan, to);
	step->how = *how;
	return step;
}

/* Who has it open would read another device's data, or see it at another length. */
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

static int refresh_root(const struct graph *graph, struct plan *plan,
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

/* Its name is free: what has it may be the root of a device that was renamed. */
static int check_root_name(const struct graph *graph, const char *name,
			   struct error *error)
{
	const struct node *there = graph_find(graph, name);
	const struct node *above = there ? graph_above(graph, there->dev.devno) :
					   NULL;

	if (above)
		return refuse(error, "'%s' cannot be the name of a new node, as '%s' lies on one of that name",
			      name, above->dev.name);
	if (there || strlen(name) >= KDM_NAME_LEN ||
	    name[strspn(name, DM_PLAIN_CHARS)])
		return refuse(error, "'%s' cannot be the name of a new node",
			      name);
	return 0;
}

/* pvmove takes away what it copies through, and cannot while a root lies on it. */
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

/* The device's root as a place for a filter, planning it if it is not there. */
static int place_root(struct place *place, const struct graph *graph,
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

/* Where a new filter goes: by path on top of it, by name under a device. */
static int place_file(struct place *place, const struct graph *graph,
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

/* What only `qdm insert --node` calls a device, so that doctor knows of it. */
static char *passing_name(const char *name)
{
	return print("%s" PASSING_END, name);
}

/* What a client may call a node; what is called after a device has its characters. */
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

/* What the word stands for now; a node that is only planned has no number yet. */
static void see(struct plan *plan, const struct place *place)
{
	if (place->devno.major)
		sights_add(&plan->seen, place->word, place->devno);
}

/* A new filter's words, with a backup's target; @node if it is there already. */
static int filter_params(char **params, const struct graph *graph,
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
	see(plan, &below);
	see(plan, &target);
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

/* A leaf gets a name: one linear line over all of it, and nothing else. */
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
	see(plan, &leaf);
	params = print("%s 0", leaf.word);
	kdm_table_add(&step->table, 0, leaf.sectors, "linear", params);
	step->how.inner = true;
	free(params);
	return 0;
}

/* A root that only this node lies on is of no use to anybody after it. */
static void remove_last_root(const struct graph *graph,
			     const struct node *node, struct plan *plan)
{
	const struct node *root = node->nr_below ?
				  graph_at(graph, node->below[0]) : NULL;

	if (root && root->kind == KIND_ROOT && !node_is_host(root) &&
	    graph_users(graph, root->dev.devno) <= 1 &&
	    !use_stays_open(root->dev.name, 1))
		plan_add(plan, STEP_REMOVE, root->dev.name);
}

static bool is_left_over(const struct node *node)
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

/* Else it would go with its filter, before the plan comes to it. */
static void keep_root(const struct graph *graph, const struct node *node,
		      struct plan *plan)
{
	const struct node *root = node->nr_below ?
				  graph_at(graph, node->below[0]) : NULL;

	if (root && root->kind == KIND_ROOT && root->dev.deferred &&
	    graph_users(graph, root->dev.devno) <= 1)
		plan_add(plan, STEP_MESSAGE, root->dev.name)->text =
			copy("@cancel_deferred_remove");
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

/* As blockdev-add makes it, and not as somebody with dmsetup may have. */
static bool is_whole_filter(const struct node *node)
{
	struct devno below;

	return shape_is_same(&node->table, &below) &&
	       kind_of_target(node->table.line[0].type) == node->kind;
}

static const struct node *find_edited(const struct graph *graph,
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
		refuse(error, "Node '%s' has a table that is not one %s line from sector 0 on of what it lies on, so it may show other data",
		       name, kind_target(node->kind));
	else
		return node;
	return NULL;
}

static const struct node *find_parent(const struct graph *graph,
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

static int not_child(const char *child, const struct node *parent,
		     struct error *error)
{
	return refuse(error, "'%s' not a child of %s'%s'", child,
		      parent->kind == KIND_DEVICE ? "device " : "",
		      parent->dev.name);
}

static bool names_root(const struct node *parent, const struct node *root,
		       const char *child)
{
	return parent->kind == KIND_DEVICE &&
	       (!strcmp(child, parent->dev.name) ||
		!strcmp(child, root->dev.name));
}

/* The device's own name as a child means what it lies on. */
static int place_child(struct place *place, const struct graph *graph,
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

static int check_sizes(const struct node *node, const char *child,
		       uint64_t sectors, struct error *error)
{
	uint64_t len = kdm_table_len(&node->table);

	if (len == sectors)
		return 0;
	return refuse(error, "node '%s' has %llu bytes and '%s' has %llu; delete the node and add it again over '%s'",
		      node->dev.name, (unsigned long long)len * SECTOR, child,
		      (unsigned long long)sectors * SECTOR, child);
}

/* A backup's point in time is the swap: the file system is made clean there. */
static void swap_steps(struct plan *plan, const struct graph *graph,
		       const struct node *parent, struct kdm_table *table,
		       struct devno old, const struct place *new, bool freeze)
{
	struct step *step = plan_add(plan, STEP_LOAD, parent->dev.name);

	see(plan, new);
	step->table = *table;
	step->old_word = print("%u:%u", old.major, old.minor);
	step->new_word = copy(new->word);
	step = plan_resume(plan, parent);
	step->how.inner = node_is_inner(graph, parent);
	step->how.freeze = freeze;
	step->how.same = true;
	step->how.read_ahead = kdm_read_ahead(parent->dev.name);
}

/*
 * The line of a device that lies on a filter, and of none that does not. One that an
 * older qdm has given a linear line gets the right one with the next edit.
 */
static int guard_line(const struct node *parent, const struct node *below,
		      struct kdm_table *table, struct error *error)
{
	struct devno ignored;
	bool guards = below && is_filter(below);

	if (parent->kind != KIND_DEVICE || !shape_is_straight(&parent->table, &ignored))
		return 0;
	if (guards && kdm_need_target(SHAPE_GUARD, error))
		return -1;
	free(table->line->type);
	table->line->type = copy(guards ? SHAPE_GUARD : "linear");
	return 0;
}

/* Makes @parent refer to @new where it referred to @old. */
static int redirect(struct plan *plan, const struct graph *graph,
		    const struct node *parent, struct devno old,
		    const struct place *new, bool freeze, struct error *error)
{
	struct kdm_table table;
	const char *stuck;

	if (past_check(graph, parent, old, new->node, error))
		return -1;
	if (!shape_replace(&table, &parent->table, old, new->word, &stuck)) {
		if (!stuck)
			stuck = parent->table.line[0].type;
		return refuse(error, "'%s' has target '%s', in which no device can be replaced",
			      parent->dev.name, stuck);
	}
	if (guard_line(parent, new->node, &table, error)) {
		kdm_table_free(&table);
		return -1;
	}
	swap_steps(plan, graph, parent, &table, old, new, freeze);
	return 0;
}

/* The device's table is in the root, and becomes one line onto the filter. */
void edit_lay_on(const struct graph *graph, const struct node *device,
		 const struct node *node, const struct node *root,
		 struct plan *plan)
{
	struct kdm_table table = { 0 };
	struct place place;
	char *params;

	place_at(&place, node);
	params = print("%s 0", place.word);
	kdm_table_add(&table, 0, kdm_table_len(&device->table), SHAPE_GUARD,
		      params);
	free(params);
	swap_steps(plan, graph, device, &table, device->dev.devno, &place,
		   node->kind == KIND_BACKUP);
	plan->step[plan->nr - 1].goes_in = copy(root->dev.name);
}

/* A filter that nobody has open gets another place, with its own words. */
int edit_follow(const struct node *filter, const struct node *below,
		uint64_t len, struct plan *plan, struct error *error)
{
	const struct kdm_line *line = &filter->table.line[0];
	struct step *step;
	char *params;

	if (check_editable(filter, error))
		return -1;
	if (line->len == len && node_passes_to(filter, below->dev.devno))
		return 0;
	params = print("%u:%u%s", below->dev.devno.major,
		       below->dev.devno.minor,
		       line->params + strcspn(line->params, " "));
	step = plan_add(plan, STEP_LOAD, filter->dev.name);
	kdm_table_add(&step->table, 0, len, line->type, params);
	free(params);
	step = plan_resume(plan, filter);
	step->how.inner = true;
	step->how.same = true;
	step->aside = true;
	return 0;
}

/* The first filter under a device: its table is in the root, and goes. */
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
		return refuse(error, "'%s' lies on '%s' already", node_name,
			      parent_name);
	if (target_check_edge(graph, parent, node, error))
		return -1;
	if (!on && root && child.node == root &&
	    names_root(parent, root, child_name))
		return insert_first(graph, parent, node, root, plan, error);
	return insert_between(graph, parent, &child, child_name, node, plan,
			      error);
}

/* The last filter is out: the device's own table comes back up. */
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

/*
 * Only what shows the same data may take another's place under its users. And what
 * lies on top of a device must not come to lie under it, nor the other way round:
 * the device could be taken away, and another get its name and root.
 */
static int check_same_data(const struct graph *graph, struct devno devno,
			   const struct place *new, struct error *error)
{
	const struct node *old = graph_at(graph, devno);

	if (!node_shows(graph, new->node, devno) &&
	    !node_shows(graph, old, new->devno))
		return refuse(error, "'%s' is no filter over '%s' nor the other way round, so it may show other data",
			      new->node ? new->node->dev.name : "what is there",
			      old ? old->dev.name : "what is there");
	if (node_root(graph, old) != node_root(graph, new->node))
		return refuse(error, "of '%s' and '%s' one lies under a device and the other on top of it",
			      new->node ? new->node->dev.name : new->word,
			      old ? old->dev.name : "what is there");
	return 0;
}

/* Every backup that comes to lie under @parent: what is on it is made clean then. */
static int check_backups(const struct graph *graph, const struct node *parent,
			 const struct node *node, bool *freeze,
			 struct error *error)
{
	struct devno at;

	*freeze = false;
	for (; node; node = graph_at(graph, at)) {
		if (target_check_edge(graph, parent, node, error))
			return -1;
		if (node->kind == KIND_BACKUP)
			*freeze |= !node_reaches(graph, parent, node);
		if (!shape_is_same(&node->table, &at))
			break;
	}
	return 0;
}

static const struct node *find_new_child(const struct graph *graph,
					 const struct node *parent,
					 const char *name, struct error *error)
{
	const struct node *new = graph_find(graph, name);

	if (!new)
		refuse(error, "Node '%s' not found", name);
	else if (node_reaches(graph, new, parent))
		refuse(error, "'%s' lies on '%s' already", name,
		       parent->dev.name);
	else
		return new;
	return NULL;
}

static int replace_child(const struct graph *graph, const struct node *parent,
			 const struct node *new, struct plan *plan,
			 struct error *error)
{
	const struct devno old = parent->below[0];
	struct place place;
	bool freeze;

	if (same_devno(old, new->dev.devno))
		return 0;
	place_at(&place, new);
	if (check_same_data(graph, old, &place, error) ||
	    check_backups(graph, parent, new, &freeze, error) ||
	    check_sizes(new, parent->dev.name, kdm_table_len(&parent->table),
			error))
		return -1;
	return redirect(plan, graph, parent, old, &place, freeze, error);
}

int edit_replace(const struct graph *graph, const char *parent_name,
		 const char *child, const char *new_name, struct plan *plan,
		 struct error *error)
{
	const struct node *parent = graph_find(graph, parent_name);
	const struct node *new;

	if (!parent)
		return refuse(error, "Neither device, nor export, nor block-node exist with name '%s'",
			      parent_name);
	if (parent->kind == KIND_DEVICE && strcmp(child, "root"))
		return refuse(error, "Devices and exports may have only 'root' child");
	if (parent->kind != KIND_DEVICE &&
	    (!is_filter(parent) || !is_whole_filter(parent) ||
	     strcmp(child, "file")))
		return refuse(error, "Block driver node '%s' doesn't have child named '%s'",
			      parent_name, child);
	if (check_editable(parent, error))
		return -1;
	new = find_new_child(graph, parent, new_name, error);
	if (!new)
		return -1;
	if (parent->kind == KIND_DEVICE && !attached(graph, parent))
		return edit_insert(graph, parent_name, parent_name, new_name,
				   plan, error);
	return replace_child(graph, parent, new, plan, error);
}

/* Where the filter lies now, or where it is to lie. */
static int place_reopened(struct place *place, const struct graph *graph,
			  const struct node *node, const char *file,
			  struct plan *plan, struct error *error)
{
	const struct node *old = graph_at(graph, node->below[0]);

	if (file && place_file(place, graph, file, plan, error))
		return -1;
	if (!file || same_devno(place->devno, node->below[0])) {
		*place = (struct place){ .node = old, .data = old,
			.devno = node->below[0],
			.sectors = kdm_table_len(&node->table) };
		snprintf(place->word, sizeof(place->word), "%u:%u",
			 place->devno.major, place->devno.minor);
		return 0;
	}
	if (place->node && node_reaches(graph, place->node, node))
		return refuse(error, "'%s' lies on '%s' already", file,
			      node->dev.name);
	return check_same_data(graph, node->below[0], place, error) ||
	       check_sizes(node, file, place->sectors, error) ? -1 : 0;
}

int edit_reopen(const struct graph *graph, const struct filter *filter,
		struct plan *plan, struct error *error)
{
	const struct node *node = find_edited(graph, filter->name, "reopening",
					      error);
	struct place below, target;
	struct step *step;
	char *params;
	bool freeze;

	if (!node || check_editable(node, error))
		return -1;
	if (plan_find(plan, STEP_LOAD, filter->name))
		return refuse(error, "Node '%s' is named twice", filter->name);
	if (node->kind != filter->kind)
		return refuse(error, "Cannot change the option 'driver' of node '%s'",
			      filter->name);
	if (past_check_words(node, error) ||
	    place_reopened(&below, graph, node, filter->file, plan, error) ||
	    past_check(graph, node, node->below[0], below.node, error) ||
	    check_backups(graph, node, below.node, &freeze, error) ||
	    filter_params(&params, graph, node, filter, &below, &target,
			  error))
		return -1;
	see(plan, &below);
	see(plan, &target);
	step = plan_add(plan, STEP_LOAD, filter->name);
	kdm_table_add(&step->table, 0, kdm_table_len(&node->table),
		      kind_target(node->kind), params);
	free(params);
	step = plan_resume(plan, node);
	step->how.inner = node_is_inner(graph, node);
	step->how.freeze = freeze;
	step->how.same = true;
	step->how.read_ahead = kdm_read_ahead(filter->name);
	return 0;
}

/* Not through what is as long as a part of what it lies on: its bytes are others. */
static const struct node *below_whole(const struct graph *graph,
				      const struct node *node)
{
	const struct node *below = node_same(graph, node);

	return below && kdm_table_len(&below->table) ==
	       kdm_table_len(&node->table) ? below : NULL;
}

const struct node *edit_find_threshold(const struct graph *graph,
				       const struct node *node)
{
	while (node && node->kind != KIND_THRESHOLD)
		node = below_whole(graph, node);
	return node;
}

int edit_threshold(const struct graph *graph, const char *name,
		   uint64_t bytes, struct plan *plan, struct error *error)
{
	const struct node *node = graph_find(graph, name);
	const struct node *filter = edit_find_threshold(graph, node);

	if (!node)
		return refuse(error, "Device '%s' not found", name);
	if (!filter)
		return refuse(error, "'%s' has no write-threshold filter; blockdev-add one and insert it",
			      name);
	plan_add(plan, STEP_MESSAGE, filter->dev.name)->text =
		print("set-threshold %llu", (unsigned long long)bytes);
	return 0;
}

static int check_resize(const struct graph *graph, const struct node *node,
			uint64_t bytes, struct error *error)
{
	const char *name = node->dev.name;
	const struct node *above = graph_above(graph, node->dev.devno);
	struct devno below;

	if (node->kind != KIND_THROTTLE && node->kind != KIND_THRESHOLD &&
	    !node_is_host(node))
		return refuse(error, "'%s' is no throttle, write-threshold or host_device node; only these can be resized",
			      name);
	if (!shape_is_same(&node->table, &below))
		return refuse(error, "'%s' has a table that is not one line from sector 0 on of what it lies on, and cannot be resized",
			      name);
	if (bytes % SECTOR)
		return refuse(error, "Parameter 'size' expects a multiple of %d",
			      SECTOR);
	if (above && bytes / SECTOR < kdm_table_len(&node->table))
		return refuse(error, "'%s' lies under '%s' and cannot become smaller; remove it from there first",
			      name, above->dev.name);
	if (bytes / SECTOR < kdm_table_len(&node->table) &&
	    use_stays_open(name, 0))
		return refuse(error, "'%s' is in use (mounted, or held open by something else) and cannot become smaller",
			      name);
	return check_editable(node, error);
}

static void plan_size(const struct graph *graph, const struct node *node,
		      uint64_t bytes, struct plan *plan)
{
	const char *name = node->dev.name;
	struct step *step = plan_add(plan, STEP_LOAD, name);

	kdm_table_add(&step->table, 0, bytes / SECTOR,
		      node->table.line[0].type, node->table.line[0].params);
	step = plan_resume(plan, node);
	step->how.inner = node_is_inner(graph, node);
	step->how.read_ahead = kdm_read_ahead(name);
}

/*
 * Filters on top grow with what they lie on, from the bottom up: a table that is
 * longer than what it lies on is not even loaded. Anything else up there stays as
 * long as it is; whoever made it knows how to make it grow.
 */
static int resize_stack(const struct graph *graph, const struct node *node,
			uint64_t bytes, struct plan *plan, struct error *error)
{
	const struct node *above;
	size_t i;

	if (check_resize(graph, node, bytes, error))
		return -1;
	plan_size(graph, node, bytes, plan);
	for (i = 0; i < graph->nr; i++) {
		above = &graph->node[i];
		if (node_uses(above, node->dev.devno) &&
		    (above->kind == KIND_THROTTLE ||
		     above->kind == KIND_THRESHOLD) &&
		    resize_stack(graph, above, bytes, plan, error))
			return -1;
	}
	return 0;
}

int edit_resize(const struct graph *graph, const char *name, uint64_t bytes,
		struct plan *plan, struct error *error)
{
	if (resize_stack(graph, graph_find(graph, name), bytes, plan, error))
		return -1;
	plan_goes_back(plan);
	return 0;
}

/*
 * Two commands in one plan: the second is planned on the graph as it will be
 * after the first. Nodes that are still to be made get numbers that no device
 * has, and what they lie on is in their lines by its number, as the kernel has it.
 */
static void add_below(struct node *node, struct devno devno)
{
	node->below = more(node->below, node->nr_below, sizeof(devno));
	node->below[node->nr_below++] = devno;
}

static void link_planned(const struct graph *graph, struct node *node)
{
	char *word = copy(node->table.line[0].params);
	char *rest = word + strcspn(word, " ");
	size_t prefix = strlen(MAPPER);
	const struct node *on = NULL;

	if (*rest)
		*rest++ = '\0';
	if (!strncmp(word, MAPPER, prefix))
		on = graph_find(graph, word + prefix);
	if (on) {
		free(node->table.line[0].params);
		node->table.line[0].params = print("%u:%u %s",
						   on->dev.devno.major,
						   on->dev.devno.minor, rest);
		add_below(node, on->dev.devno);
	}
	free(word);
}

static void add_planned(struct graph *graph, const struct step *step,
			unsigned int number)
{
	const struct node *from = step->copy_of ?
				  graph_find(graph, step->copy_of) : NULL;
	struct node node = {
		.kind = kind_of(step->uuid),
		.dev = { .devno = { 0, number }, .live = true },
	};
	size_t i;

	snprintf(node.dev.name, sizeof(node.dev.name), "%s", step->name);
	snprintf(node.dev.uuid, sizeof(node.dev.uuid), "%s", step->uuid);
	kdm_table_copy(&node.table, from ? &from->table : &step->table);
	for (i = 0; from && i < from->nr_below; i++)
		add_below(&node, from->below[i]);
	if (!from)
		link_planned(graph, &node);
	if (node.kind == KIND_BACKUP)
		add_below(&node, step->target);
	graph->node = more(graph->node, graph->nr, sizeof(node));
	graph->node[graph->nr++] = node;
}

/* The device lies on the filter then, for what is planned after it. */
static void plan_edge(struct graph *graph, const char *device,
		      const char *filter)
{
	const struct devno below = graph_find(graph, filter)->dev.devno;
	struct node *node = graph_find(graph, device);
	const uint64_t len = kdm_table_len(&node->table);
	char *params = print("%u:%u 0", below.major, below.minor);

	kdm_table_free(&node->table);
	kdm_table_add(&node->table, 0, len, SHAPE_GUARD, params);
	free(params);
	node->nr_below = 0;
	add_below(node, below);
}

/* The name is the last that is given; who cannot have it is not put in. */
static void plan_name(struct plan *plan, const char *made, const char *name)
{
	struct step *step;

	plan_goes_back(plan);
	step = plan_add(plan, STEP_RENAME, made);
	step->text = copy(name);
	step->how.inner = true;
}

/* The other words are the last step; who cannot have them is not put in. */
static void plan_words(struct plan *plan, size_t made, const char *then)
{
	const struct kdm_line line = plan->step[made].table.line[0];
	const char *name = plan->step[made].name;
	char *params = print("%.*s 0 %s", (int)strcspn(line.params, " "),
			     line.params, then);
	struct step *step;

	plan_goes_back(plan);
	step = plan_add(plan, STEP_LOAD, name);
	kdm_table_add(&step->table, line.start, line.len, line.type, params);
	free(params);
	step = plan_add(plan, STEP_RESUME, name);
	step->how.inner = true;
	step->how.same = true;
}

/*
 * A backup that copies everything begins at the instant of the swap: what was
 * written between the two would be in one half of the copy and not in the other.
 */
static void plan_begin(struct plan *plan, size_t made, const char *idle)
{
	struct kdm_line *line = &plan->step[made].table.line[0];
	const char *name = plan->step[made].name;
	char *begun = line->params;
	struct step *step;

	line->params = print("%.*s 0 - 0 %s", (int)strcspn(begun, " "), begun,
			     idle);
	step = plan_add(plan, STEP_LOAD, name);
	line = &plan->step[made].table.line[0];
	kdm_table_add(&step->table, line->start, line->len, line->type, begun);
	wipe(begun);
	step = plan_add(plan, STEP_RESUME, name);
	step->how.inner = true;
	step->how.same = true;
	step->aside = true;
	step->begins = true;
}

static void bury(struct graph *graph, const struct filter *filter,
		 struct plan *plan)
{
	char *root = root_name(filter->file);

	edit_bury(graph, filter->name, plan);
	edit_bury(graph, root, plan);
	free(root);
}

int edit_put_under(struct graph *graph, const struct filter *filter,
		   struct plan *plan, struct error *error)
{
	const struct node *device;
	size_t planned, i;
	char *made;
	int result;

	bury(graph, filter, plan);
	device = graph_find(graph, filter->file);
	if (is_path(filter->file))
		return refuse(error, "'%s' is no device of device-mapper, so nothing can be put under it; on top of it: blockdev-add",
			      filter->file);
	if (device && device->kind != KIND_DEVICE)
		return refuse(error, "'%s' is a node, not a device; use blockdev-add and block-insert-node",
			      filter->file);
	if (edit_add(graph, filter, plan, error))
		return -1;
	planned = plan->nr;
	for (i = 0; i < planned; i++)
		if (plan->step[i].kind == STEP_CREATE)
			add_planned(graph, &plan->step[i], i);
	made = copy(plan->step[planned - 1].name);
	result = edit_insert(graph, filter->file, filter->file, made, plan,
			     error);
	if (!result)
		plan_edge(graph, filter->file, made);
	if (!result && filter->idle)
		plan_begin(plan, planned - 1, filter->idle);
	if (!result && filter->then)
		plan_words(plan, planned - 1, filter->then);
	if (!result && filter->passing)
		plan_name(plan, made, filter->name);
	free(made);
	return result;
}

/* Whatever lies on the node lies on what is below it, afterwards. */
int edit_take_out(const struct graph *graph, const char *name,
		  struct plan *plan, struct error *error)
{
	const struct node *node = graph_find(graph, name);
	const struct node *above, *below;

	if (node && !node->dev.live && is_left_over(node))
		return edit_delete(graph, name, plan, error);
	node = find_edited(graph, name, "removal", error);
	if (!node)
		return -1;
	above = graph_above(graph, node->dev.devno);
	if (!above)
		return edit_delete(graph, name, plan, error);
	if (graph_users(graph, node->dev.devno) > 1 || use_stays_open(name, 1))
		return refuse(error, "Node %s is in use by more than '%s'",
			      name, above->dev.name);
	below = graph_at(graph, node->below[0]);
	if (!below)
		return refuse(error, "'%s' lies on a device that is not under device-mapper; use block-remove-node with its path",
			      name);
	if (edit_remove(graph, above->dev.name, below->dev.name, name, plan,
			error))
		return -1;
	plan_add(plan, STEP_REMOVE, name);
	if (find_root(graph, above) == below)
		remove_last_root(graph, node, plan);
	return 0;
}
