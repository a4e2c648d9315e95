// SPDX-License-Identifier: GPL-2.0-or-later
/* The steps that give a device another table, or connect it to another node. */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "edit/edit.h"
#include "edit/past.h"
#include "edit/steps.h"
#include "graph/resolve.h"
#include "kernel/targets.h"

bool is_filter(const struct node *node)
{
	return node->kind != KIND_DEVICE && node->kind != KIND_ROOT;
}

/* The table that was loaded before is swapped with the present one. */
struct step *plan_resume(struct plan *plan, const struct node *node)
{
	struct step *loads = &plan->step[plan->nr - 1];
	struct step *step;

	kdm_table_copy(&loads->was, &node->table);
	step = plan_add(plan, STEP_RESUME, node->dev.name);
	kdm_table_copy(&step->was, &node->table);
	return step;
}

void copy_table(struct step *step, const struct node *from)
{
	step->copy_of = copy(from->dev.name);
	kdm_table_copy(&step->original, &from->table);
}

struct step *copy_steps(struct plan *plan, const struct node *from,
			const struct node *to, const struct kdm_how *how)
{
	struct step *step;

	step = plan_add(plan, STEP_LOAD, to->dev.name);
	copy_table(step, from);
	step = plan_resume(plan, to);
	step->how = *how;
	return step;
}

int check_sizes(const struct node *node, const char *child,
		uint64_t sectors, struct error *error)
{
	uint64_t len = kdm_table_len(&node->table);

	if (len == sectors)
		return 0;
	return refuse(error, "node '%s' has %llu bytes and '%s' has %llu; delete the node and add it again over '%s'",
		      node->dev.name, (unsigned long long)len * SECTOR, child,
		      (unsigned long long)sectors * SECTOR, child);
}

/* A backup's point in time is the swap: the file system is frozen for it. */
static void swap_steps(struct plan *plan, const struct graph *graph,
		       const struct node *parent, struct kdm_table *table,
		       struct devno old, const struct place *new, bool freeze)
{
	struct step *step = plan_add(plan, STEP_LOAD, parent->dev.name);

	see_device(plan, new);
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
 * The guard line is for a device on top of a filter only. A linear line made by an
 * older qdm is replaced with the next edit.
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

/* Replaces @old by @new in @parent's table. */
int redirect(struct plan *plan, const struct graph *graph,
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

/* The root has the device's table; the device gets one line on top of the filter. */
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

/* Moves a filter that is not open to another place, with its own words. */
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
