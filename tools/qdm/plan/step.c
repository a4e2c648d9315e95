// SPDX-License-Identifier: GPL-2.0-or-later
/* Running a single step. */
#include "graph/graph.h"
#include "kernel/groups.h"
#include "plan/calm.h"
#include "plan/plan.h"
#include "plan/run.h"

static int create(const struct plan *plan, const struct step *step,
		  const struct kdm_table *table, struct error *error)
{
	struct error ignored = { 0 };

	if (kdm_create(step->name, step->uuid, table, &step->how, error))
		return -1;
	if (!check_seen(plan, step, error))
		return 0;
	kdm_remove(step->name, &ignored);
	return -1;
}

/* A table loaded over another is read back, to be recognised at the swap. */
int load_table(struct step *step, const struct kdm_table *table,
	       struct error *error)
{
	struct kdm_table *shown = &step->loaded;

	if (kdm_load(step->name, table, error))
		return -1;
	if (!step->was.nr)
		return 0;
	if (kdm_loaded(step->name, shown, error)) {
		kdm_clear(step->name, error);
		return -1;
	}
	return is_given(shown, table) ? 0 : refuse_changed(step->name, error);
}

static int run_with_table(const struct plan *plan, struct step *step,
			  struct error *error)
{
	struct kdm_table table = { 0 };
	int result = step_table(plan, step, &table, error);

	if (!result)
		result = check_seen(plan, step, error);
	if (!result && step->kind == STEP_CREATE)
		result = create(plan, step, &table, error);
	else if (!result)
		result = load_seen(plan, step, &table, error);
	kdm_table_free(&table);
	return result;
}

/* Waits for in-flight I/O, which may never complete. */
int stop_or_swap(const struct step *step, struct error *error)
{
	struct error failed = { 0 };
	const char *why;
	int result;

	calm_step();
	if (step->kind == STEP_SUSPEND)
		result = kdm_suspend(step->name, &failed);
	else
		result = kdm_resume(step->name, &step->how, &failed);
	why = calm_step_end();
	if (!result)
		return 0;
	if (why)
		return refuse(error, "Device '%s' %s", step->name, why);
	return refuse(error, "%s", failed.text);
}

/* Marks the root for edit/put-back.c; only that depends on it. */
void mark_root(const char *root, int (*how)(const char *, struct error *))
{
	struct error ignored = { 0 };

	if (root)
		how(root, &ignored);
}

static int swap(struct step *step, struct error *error)
{
	mark_root(step->comes_out, kdm_keep);
	if (stop_or_swap(step, error)) {
		mark_root(step->comes_out, kdm_defer);
		return -1;
	}
	mark_root(step->goes_in, kdm_defer);
	return 0;
}

int run_step(const struct plan *plan, struct step *step,
	     struct error *error)
{
	switch (step->kind) {
	case STEP_CREATE:
	case STEP_LOAD:
		return run_with_table(plan, step, error);
	case STEP_SUSPEND:
		return stop_or_swap(step, error);
	case STEP_RESUME:
		return swap(step, error);
	case STEP_REMOVE:
		return kdm_remove(step->name, error);
	case STEP_RENAME:
		return kdm_rename(step->name, step->text, &step->how, error);
	case STEP_MESSAGE:
		return kdm_message(step->name, step->text, error);
	case STEP_GROUPS:
		return groups_mount(error);
	case STEP_MKGROUP:
		return group_make(step->name, error);
	case STEP_RMGROUP:
		return group_remove(step->name, error);
	case STEP_LIMITS:
		return group_write_limits(step->name, step->text, error);
	}
	return refuse(error, "unknown step");
}
