// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running a plan. A resume suspends, swaps and resumes within one ioctl; so the end of
 * this process never leaves a device suspended. A failure before the swap is undone; a
 * failure after it leaves at worst something unused. Several swaps are undone together;
 * if this process is killed between them, the guard (guard.c) takes over.
 *
 * Another program may give the device another table at any time, load one or suspend
 * it, by dmsetup or LVM, which do not take our lock. LVM's lock is held (kernel/lvm.c),
 * but a pvmove also works between its commands, and dmsetup has no lock. Their table
 * must neither be swapped out nor swapped in too early, nor taken for ours and cleared.
 * So before a load, the device must be as it was when the plan was made, with no other
 * table loaded; before a swap, the loaded table must be the one that this plan has
 * loaded, and only this plan may have suspended the device; and only that table is
 * cleared. The windows between such a check and the ioctl remain. A filter's own words
 * may change without an edit, as those of a threshold that fires do.
 */
#include <stdio.h>
#include <string.h>

#include "graph/graph.h"
#include "kernel/lvm.h"
#include "kernel/targets.h"
#include "plan/calm.h"
#include "plan/guard.h"
#include "plan/log.h"
#include "plan/plan.h"
#include "plan/run.h"

static int run_from(struct plan *plan, size_t at, struct guard *guard,
		    struct error *error)
{
	bool begun = false;
	struct step *step;
	int result = 0;

	for (; at < plan->nr; at++) {
		step = &plan->step[at];
		begun = false;
		result = guard_step(guard, plan, at, error);
		if (!result)
			result = check_unchanged(plan, step, error);
		if (result < 0)
			break;
		begun = true;
		if (!result)
			result = run_step(plan, step, error);
		if (result < 0 || check_swapped(plan, step, error))
			break;
	}
	if (at == plan->nr)
		return 0;
	guard_back(guard, at);
	undo_steps(plan, at, begun);
	return -1;
}

/* A step during which its process died may be done, half done or not begun. */
static int run_again(const struct plan *plan, struct step *step,
		     struct error *error)
{
	struct kdm_device device;
	int found = kdm_find(step->name, &device, error);

	if (step->kind == STEP_CREATE && found == 1 &&
	    !strcmp(device.uuid, step->uuid) && kdm_remove(step->name, error))
		return -1;
	if ((step->kind == STEP_REMOVE || step->kind == STEP_RENAME) && !found)
		return 0;
	return run_step(plan, step, error);
}

/* In the guard. Errors can only be logged. */
static void finish(struct plan *plan, size_t at)
{
	struct guard none = { 0 };
	struct error error = { 0 };
	int result = run_again(plan, &plan->step[at], &error);

	if (result)
		undo_steps(plan, at, true);
	else
		result = run_from(plan, at + 1, &none, &error);
	log_rescue(plan, result ? "could not be finished" : "was finished",
		   result ? &error : NULL);
}

static void take_over(struct plan *plan, size_t at, bool back)
{
	struct error error = { 0 };

	if (kdm_udev_begin(&error))
		fprintf(stderr, "qdm: %s\n", error.text);
	if (back) {
		undo_steps(plan, at, true);
		log_rescue(plan, "was undone", NULL);
	} else {
		finish(plan, at);
	}
	kdm_udev_end();
}

/*
 * The node and the devices beneath it: a filter on top of a volume belongs to its
 * group, too.
 */
static void want_group(const struct graph *graph, const struct node *node)
{
	struct devno below;

	for (; node; node = graph_at(graph, below)) {
		lvm_want(&node->dev);
		if (!shape_is_same(&node->table, &below))
			return;
	}
}

int plan_lock(const struct plan *plan, const struct graph *graph,
	      struct error *error)
{
	size_t i;

	for (i = 0; i < plan->nr; i++)
		if (plan->step[i].was.nr)
			want_group(graph, graph_find(graph, plan->step[i].name));
	for (i = 0; i < plan->seen.nr; i++)
		want_group(graph, graph_at(graph, plan->seen.sight[i].devno));
	return lvm_lock(error);
}

void plan_unlock(void)
{
	lvm_unlock();
}

/*
 * LVM's commands must not change the volumes during the plan, nor while the guard
 * completes it.
 */
static int lock_volumes(const struct plan *plan, struct error *error)
{
	struct kdm_device device;
	size_t i;

	for (i = 0; i < plan->nr; i++) {
		if (!plan->step[i].was.nr)
			continue;
		if (kdm_find(plan->step[i].name, &device, error) < 0)
			return -1;
		lvm_want(&device);
	}
	return lvm_lock(error) < 0 ? -1 : 0;
}

static int run_guarded(struct plan *plan, struct error *error)
{
	struct guard guard;
	int result;

	if (guard_begin(&guard, plan, take_over, error))
		return -1;
	if (kdm_udev_begin(error)) {
		guard_end(&guard, plan);
		return -1;
	}
	result = run_from(plan, 0, &guard, error);
	guard_end(&guard, plan);
	kdm_udev_end();
	return result;
}

int plan_run(struct plan *plan, struct error *error)
{
	int result;

	if (!plan->nr)
		return 0;
	result = lock_volumes(plan, error);
	if (!result) {
		calm_begin();
		result = run_guarded(plan, error);
		lvm_unlock();
		log_edit(plan, result ? error : NULL);
		calm_end(!result);
	}
	lvm_unlock();
	return result;
}
