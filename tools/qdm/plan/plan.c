// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An edit of the graph is first planned as a list of steps and then either run or
 * printed, so that --dry-run prints exactly the steps that would be run.
 *
 * The order in every list: create new nodes, load the tables that change, swap with one
 * resume, remove nodes that are no longer needed. This file builds the lists; run.c
 * runs them and print.c prints them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/alloc.h"
#include "graph/graph.h"
#include "kernel/waiting.h"
#include "plan/log.h"
#include "plan/plan.h"

#define LOCK_PATH	"/run/qdm.lock"

static int lock_fd = -1;

struct step *plan_add(struct plan *plan, enum step_kind kind, const char *name)
{
	struct step *step;

	plan->step = more(plan->step, plan->nr, sizeof(*step));
	step = &plan->step[plan->nr++];
	*step = (struct step){ .kind = kind, .name = copy(name) };
	return step;
}

void plan_free(struct plan *plan)
{
	struct step *step;
	size_t i;

	for (i = 0; i < plan->nr; i++) {
		step = &plan->step[i];
		free(step->name);
		free(step->uuid);
		free(step->text);
		free(step->copy_of);
		free(step->old_word);
		free(step->new_word);
		free(step->goes_in);
		free(step->comes_out);
		kdm_table_free(&step->table);
		kdm_table_free(&step->was);
		kdm_table_free(&step->loaded);
		kdm_table_free(&step->original);
	}
	free(plan->step);
	sights_free(&plan->seen);
	*plan = (struct plan){ 0 };
}

static void move_step(struct plan *to, const struct step *step)
{
	to->step = more(to->step, to->nr, sizeof(*to->step));
	to->step[to->nr++] = *step;
}

static bool is_swap(const struct step *step)
{
	return step->kind == STEP_RESUME && !step->aside;
}

static bool is_resume(const struct step *step)
{
	return step->kind == STEP_RESUME;
}

static bool is_begin(const struct step *step)
{
	return step->begins;
}

static bool is_rename(const struct step *step)
{
	return step->kind == STEP_RENAME;
}

/* The steps that are possible while all devices are in use. */
static bool is_preparation(const struct step *step)
{
	return !is_swap(step) && !is_begin(step) && !is_rename(step);
}

static void move_kind(struct plan *to, const struct plan *from,
		      bool (*is)(const struct step *step), bool wanted)
{
	size_t i;

	for (i = 0; i < from->nr; i++)
		if (is(&from->step[i]) == wanted)
			move_step(to, &from->step[i]);
}

struct step *plan_find(const struct plan *plan, enum step_kind kind,
		       const char *name)
{
	size_t i;

	for (i = 0; i < plan->nr; i++)
		if (plan->step[i].kind == kind &&
		    !strcmp(plan->step[i].name, name))
			return &plan->step[i];
	return NULL;
}

void plan_swaps_last(struct plan *plan)
{
	struct plan sorted = { .seen = plan->seen };

	move_kind(&sorted, plan, is_resume, false);
	move_kind(&sorted, plan, is_resume, true);
	free(plan->step);
	*plan = sorted;
}

/* Is a device on top of @node swapped, and has no suspend step yet? */
static bool is_under(const struct plan *plan, const struct plan *sorted,
		     const struct graph *graph, const struct node *node)
{
	const struct node *other;
	size_t i;

	for (i = 0; i < plan->nr; i++) {
		if (!is_swap(&plan->step[i]) ||
		    plan_find(sorted, STEP_SUSPEND, plan->step[i].name))
			continue;
		other = graph_find(graph, plan->step[i].name);
		if (other != node && node_reaches(graph, other, node))
			return true;
	}
	return false;
}

/* The topmost one without; it exists, as the graph has no cycles. */
static const struct step *next_suspend(const struct plan *plan,
				       const struct plan *sorted,
				       const struct graph *graph)
{
	const struct step *step;
	size_t i;

	for (i = 0; i < plan->nr; i++) {
		step = &plan->step[i];
		if (is_swap(step) &&
		    !plan_find(sorted, STEP_SUSPEND, step->name) &&
		    !is_under(plan, sorted, graph,
			      graph_find(graph, step->name)))
			return step;
	}
	return NULL;
}

/*
 * A suspend waits for in-flight I/O, so no device below may be suspended by then:
 * devices are suspended from the top down and resumed in reverse.
 */
void plan_at_one_instant(struct plan *plan, const struct graph *graph)
{
	struct plan sorted = { .seen = plan->seen };
	const struct step *step;
	size_t first, end;

	move_kind(&sorted, plan, is_preparation, true);
	first = sorted.nr;
	while ((step = next_suspend(plan, &sorted, graph)))
		plan_add(&sorted, STEP_SUSPEND, step->name)->how = step->how;
	end = sorted.nr;
	move_kind(&sorted, plan, is_begin, true);
	while (end > first)
		move_step(&sorted, plan_find(plan, STEP_RESUME,
					     sorted.step[--end].name));
	move_kind(&sorted, plan, is_rename, true);
	free(plan->step);
	*plan = sorted;
}

void plan_goes_back(struct plan *plan)
{
	size_t i;

	for (i = 0; i < plan->nr; i++)
		if (is_resume(&plan->step[i]) && plan->step[i].was.nr)
			plan->step[i].goes_back = true;
}

/*
 * One edit at a time
 */

int edit_lock(struct error *error)
{
	const char *path = getenv("QDM_LOCK");
	struct waiting waiting = { 0 };

	if (!path)
		path = LOCK_PATH;
	lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock_fd < 0)
		return refuse(error, "cannot open the lock %s: %s", path,
			      strerror(errno));
	while (flock(lock_fd, LOCK_EX | LOCK_NB)) {
		if (waiting_for(&waiting, "another edit", path))
			continue;
		edit_unlock();
		refuse(error, "another qdm has been editing for %d seconds (it holds %s)",
		       WAITING_S, path);
		log_refused(error);
		return -1;
	}
	return 0;
}

void edit_unlock(void)
{
	if (lock_fd >= 0)
		close(lock_fd);
	lock_fd = -1;
}
