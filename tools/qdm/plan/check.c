// SPDX-License-Identifier: GPL-2.0-or-later
/* Checks that a device is still in the state that the plan expects; see run.c. */
#include <string.h>

#include "graph/graph.h"
#include "kernel/targets.h"
#include "plan/plan.h"
#include "plan/run.h"

/* The preceding step of this kind for the same device, or NULL. */
const struct step *step_before(const struct plan *plan,
			       const struct step *step,
			       enum step_kind kind)
{
	const char *name = step->name;

	while (step-- > plan->step)
		if (step->kind == kind && !strcmp(step->name, name))
			return step;
	return NULL;
}

/* The kernel may print other targets' words differently from the loaded ones. */
bool is_given(const struct kdm_table *shown, const struct kdm_table *given)
{
	const struct kdm_line *a, *b;
	size_t i;

	for (i = 0; shown->nr == given->nr && i < given->nr; i++) {
		a = &shown->line[i];
		b = &given->line[i];
		if (strcmp(a->type, b->type) ||
		    ((!strcmp(b->type, "linear") ||
		      !strcmp(b->type, SHAPE_GUARD)) && !same_line(a, b)))
			return false;
	}
	return shown->nr == given->nr;
}

/*
 * Does each number in the table still belong to the device whose name was resolved?
 * Checked before the kernel opens the device, and again when it is open and the number
 * cannot change any more.
 */
int check_seen(const struct plan *plan, const struct step *step,
	       struct error *error)
{
	const struct sight *sight;
	size_t i;

	for (i = 0; i < plan->seen.nr; i++) {
		sight = &plan->seen.sight[i];
		if (step->table.nr && names_word(step->table.line[0].params, sight->word) &&
		    !sight_is_there(sight))
			return refuse(error, "'%s' became another device at this moment; nothing was done",
				      sight->word);
	}
	return 0;
}

bool is_loaded(const char *name, const struct kdm_table *table)
{
	struct error ignored = { 0 };
	struct kdm_table now;
	bool same = !kdm_loaded(name, &now, &ignored) &&
		    same_place(table, &now);

	kdm_table_free(&now);
	return same;
}

/* Unknown in a guard that took over: then it is trusted. */
bool ours_is_loaded(const struct step *load)
{
	return !load || !load->loaded.nr ||
	       is_loaded(load->name, &load->loaded);
}

/* Another program's resume may have swapped our table in. */
static bool is_swapped(const struct step *load, const struct kdm_device *device,
		       const struct kdm_table *now)
{
	return load && load->loaded.nr && !device->suspended &&
	       !device->pending && same_place(&load->loaded, now);
}

static bool is_as_planned(const struct plan *plan, const struct step *step,
			  const struct kdm_device *device,
			  const struct kdm_table *now)
{
	bool swaps = step->kind == STEP_RESUME;
	bool still = swaps && step_before(plan, step, STEP_SUSPEND);

	return same_place(&step->was, now) && device->pending == swaps &&
	       device->suspended == still &&
	       (!swaps || ours_is_loaded(step_before(plan, step, STEP_LOAD)));
}

/* 1 if the step is done already. */
int check_unchanged(const struct plan *plan, const struct step *step,
		    struct error *error)
{
	const struct step *load = step_before(plan, step, STEP_LOAD);
	struct kdm_device device;
	struct kdm_table now;
	bool same, done;
	int found;

	if (!step->was.nr || step_before(plan, step, STEP_RESUME))
		return 0;
	found = kdm_look(step->name, &device, &now, error);
	if (found < 0)
		return -1;
	same = found && is_as_planned(plan, step, &device, &now);
	done = found && step->kind == STEP_RESUME &&
	       is_swapped(load, &device, &now);
	kdm_table_free(&now);
	return same || done ? done : refuse_changed(step->name, error);
}

/* While devices are suspended the guard may have timed out and removed the table. */
int check_swapped(const struct plan *plan, const struct step *step,
		  struct error *error)
{
	const struct step *load = step_before(plan, step, STEP_LOAD);
	struct kdm_device device;
	struct kdm_table now;
	bool done;

	if (step->kind != STEP_RESUME || !load || !load->loaded.nr)
		return 0;
	done = kdm_look(step->name, &device, &now, error) > 0 &&
	       same_place(&load->loaded, &now);
	kdm_table_free(&now);
	if (done)
		return 0;
	return refuse(error, "Device '%s' did not get its new table: it was cleared, or replaced, by someone else at this moment",
		      step->name);
}

int load_seen(const struct plan *plan, struct step *step,
	      const struct kdm_table *table, struct error *error)
{
	struct error ignored = { 0 };

	if (load_table(step, table, error))
		return -1;
	if (!check_seen(plan, step, error))
		return 0;
	kdm_clear(step->name, &ignored);
	return -1;
}
