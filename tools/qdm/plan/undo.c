// SPDX-License-Identifier: GPL-2.0-or-later
/* Undoing the steps of a plan that failed. */
#include <stdio.h>

#include "graph/graph.h"
#include "kernel/groups.h"
#include "plan/plan.h"
#include "plan/run.h"

/* If the new table cannot be removed, an error reports that it stays. */
static void say_it_stays(const char *name, const char *why)
{
	fprintf(stderr, "qdm: '%s' keeps its new table, though the edit has failed: %s\n",
		name, why);
}

static void clear_ours(const struct step *load)
{
	struct error error = { 0 };
	struct kdm_device device;

	if (kdm_find(load->name, &device, &error) == 1 && device.pending &&
	    ours_is_loaded(load) && kdm_clear(load->name, &error))
		fprintf(stderr, "qdm: a table that was not put in stays loaded: %s\n",
			error.text);
}

/* A swap that fails half way leaves the device suspended on its old table. */
static void undo_swap(const struct plan *plan, const struct step *step)
{
	const struct step *load = step_before(plan, step, STEP_LOAD);
	struct error ignored = { 0 };
	struct kdm_device device;

	if (load)
		clear_ours(load);
	if (kdm_find(step->name, &device, &ignored) == 1 && device.suspended)
		kdm_resume(step->name, &step->how, &ignored);
}

/* The old one may be loaded already, by a process that was killed at that point. */
static bool is_still_ours(const struct step *step, const struct step *load)
{
	struct error ignored = { 0 };
	struct kdm_device device;
	struct kdm_table now;
	bool ours;

	ours = kdm_look(step->name, &device, &now, &ignored) > 0 &&
	       (!load || !load->loaded.nr || same_place(&load->loaded, &now)) &&
	       (device.pending ? is_loaded(step->name, &step->was) :
				 !device.suspended);
	kdm_table_free(&now);
	return ours;
}

/* Reverts a successful swap after a later step has failed. */
static void swap_back(const struct plan *plan, const struct step *step)
{
	struct error error = { 0 };

	if (!is_still_ours(step, step_before(plan, step, STEP_LOAD)))
		say_it_stays(step->name, "someone else has changed it since");
	else if (kdm_load(step->name, &step->was, &error) ||
		 stop_or_swap(step, &error))
		say_it_stays(step->name, error.text);
}

static void undo_step(const struct plan *plan, const struct step *step)
{
	struct error ignored = { 0 };

	mark_root(step->goes_in, kdm_keep);
	if (step->kind == STEP_CREATE)
		kdm_remove(step->name, &ignored);
	else if (step->kind == STEP_LOAD)
		clear_ours(step);
	else if (step->kind == STEP_SUSPEND)
		undo_swap(plan, step);
	else if (step->kind == STEP_RESUME && step->goes_back)
		swap_back(plan, step);
	else if (step->kind == STEP_RENAME)
		kdm_rename(step->text, step->name, &step->how, &ignored);
	else if (step->kind == STEP_MKGROUP)
		group_remove(step->name, &ignored);
	mark_root(step->comes_out, kdm_defer);
}

/* A swap that completes the edit: the nodes made for it are kept. */
static bool is_kept(const struct step *step)
{
	return step->kind == STEP_RESUME && !step->goes_back && !step->aside;
}

/*
 * Suspended devices are resumed first, then the plan is undone. @begun: the failed step
 * may be half done.
 */
void undo_steps(const struct plan *plan, size_t failed, bool begun)
{
	const struct step *step = &plan->step[failed];

	if (begun && (step->kind == STEP_RESUME || step->kind == STEP_SUSPEND))
		undo_swap(plan, step);
	while (step-- > plan->step && !is_kept(step))
		undo_step(plan, step);
}
