// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Running a plan. A resume suspends, swaps and resumes within one ioctl; so there
 * is no moment at which the end of this process leaves a device suspended. What
 * fails before the swap is undone; after it nothing is missing, at worst something
 * unused is left. Several swaps are undone together; if this process is killed
 * between them, the guard (guard.c) goes on in its place.
 *
 * Somebody else may give the device another table at any time, load one or suspend
 * it, by dmsetup or LVM, which know no lock of ours. LVM's lock we have (kernel/lvm.c), but
 * a pvmove goes on between its commands, and dmsetup has none. Their table must neither be
 * swapped away nor swapped in too early, nor taken for ours and cleared. So before
 * a load the device is as it was when the plan was made, and nobody else's is
 * loaded; before a swap what is loaded is what we have loaded, and only we may have
 * suspended it; and only that is cleared. What is left are the moments between such
 * a look and the ioctl. A filter's own words may change by themselves, as a
 * threshold does that fires.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/alloc.h"
#include "graph/graph.h"
#include "kernel/groups.h"
#include "kernel/lvm.h"
#include "kernel/targets.h"
#include "plan/calm.h"
#include "plan/guard.h"
#include "plan/log.h"
#include "plan/plan.h"

#define MAPPER	"/dev/mapper/"

/*
 * A table line's word that is a device: what it was when the plan was made, or what
 * the plan itself has made.
 */
static bool is_device(const struct plan *plan, const char *word,
		      struct devno *devno)
{
	const struct sight *seen = sights_find(&plan->seen, word);
	struct error ignored = { 0 };
	struct kdm_device device;
	struct stat info;

	if (seen) {
		*devno = seen->devno;
		return true;
	}
	if (!strncmp(word, MAPPER, strlen(MAPPER)) &&
	    kdm_find(word + strlen(MAPPER), &device, &ignored) == 1) {
		*devno = device.devno;
		return true;
	}
	if (*word != '/' || stat(word, &info) || !S_ISBLK(info.st_mode))
		return false;
	*devno = (struct devno){ major(info.st_rdev), minor(info.st_rdev) };
	return true;
}

/* Our tables name devices by path, for people; the kernel gets numbers. */
static char *number_words(const struct plan *plan, const char *params)
{
	char *words = copy(params);
	char *result = copy("");
	char *save = NULL;
	char *word, *longer;
	struct devno devno;

	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (is_device(plan, word, &devno))
			longer = print("%s%s%u:%u", result, *result ? " " : "",
				       devno.major, devno.minor);
		else
			longer = print("%s%s%s", result, *result ? " " : "",
				       word);
		wipe(result);
		result = longer;
	}
	explicit_bzero(words, strlen(params));
	free(words);
	return result;
}

static bool same_line(const struct kdm_line *a, const struct kdm_line *b)
{
	bool filter = kind_of_target(a->type) != KIND_DEVICE;
	size_t len = strcspn(a->params, " ");

	if (a->start != b->start || a->len != b->len || strcmp(a->type, b->type))
		return false;
	return filter ? !strncmp(a->params, b->params, len) :
			!strcmp(a->params, b->params);
}

static bool same_place(const struct kdm_table *a, const struct kdm_table *b)
{
	size_t i;

	for (i = 0; a->nr == b->nr && i < a->nr; i++)
		if (!same_line(&a->line[i], &b->line[i]))
			return false;
	return a->nr == b->nr;
}

static int changed(const char *name, struct error *error)
{
	return refuse(error, "Device '%s' was changed by someone else at this moment; nothing was done, try again",
		      name);
}

/* The kernel may put other targets' words otherwise than they were given. */
static bool is_given(const struct kdm_table *shown, const struct kdm_table *given)
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

/* Is the word one of the line's? */
static bool names(const char *params, const char *word)
{
	size_t len = strlen(word);
	const char *at = params;

	while ((at = strstr(at, word))) {
		if ((at == params || at[-1] == ' ') &&
		    (!at[len] || at[len] == ' '))
			return true;
		at += len;
	}
	return false;
}

/* The table that is copied has to be the one that the plan was made of. */
static int copied_table(const struct step *step, struct kdm_table *table,
			struct error *error)
{
	if (kdm_table(step->copy_of, table, error))
		return -1;
	if (!step->original.nr || same_place(&step->original, table))
		return 0;
	kdm_table_free(table);
	return changed(step->copy_of, error);
}

static int step_table(const struct plan *plan, const struct step *step,
		      struct kdm_table *table, struct error *error)
{
	char *params;
	size_t i;

	if (step->copy_of)
		return copied_table(step, table, error);
	kdm_table_copy(table, &step->table);
	for (i = 0; i < table->nr; i++) {
		params = number_words(plan, table->line[i].params);
		wipe(table->line[i].params);
		table->line[i].params = params;
	}
	return 0;
}

/*
 * Is each number in the table still the device's whose name was looked up? Asked
 * before the kernel opens it, and when it is open and cannot become another's.
 */
static int check_seen(const struct plan *plan, const struct step *step,
		      struct error *error)
{
	const struct sight *sight;
	size_t i;

	for (i = 0; i < plan->seen.nr; i++) {
		sight = &plan->seen.sight[i];
		if (step->table.nr && names(step->table.line[0].params, sight->word) &&
		    !sight_is_there(sight))
			return refuse(error, "'%s' became another device at this moment; nothing was done",
				      sight->word);
	}
	return 0;
}

/* What is loaded over another table is looked at, to know it again at the swap. */
static int load(struct step *step, const struct kdm_table *table,
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
	return is_given(shown, table) ? 0 : changed(step->name, error);
}

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

static int load_seen(const struct plan *plan, struct step *step,
		     const struct kdm_table *table, struct error *error)
{
	struct error ignored = { 0 };

	if (load(step, table, error))
		return -1;
	if (!check_seen(plan, step, error))
		return 0;
	kdm_clear(step->name, &ignored);
	return -1;
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

/* Waits for I/O that is on its way, which may never end. */
static int stop_or_swap(const struct step *step, struct error *error)
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

/* Of the root, for edit/put-back.c; without it all is well but for that. */
static void mark(const char *root, int (*how)(const char *, struct error *))
{
	struct error ignored = { 0 };

	if (root)
		how(root, &ignored);
}

static int swap(struct step *step, struct error *error)
{
	mark(step->comes_out, kdm_keep);
	if (stop_or_swap(step, error)) {
		mark(step->comes_out, kdm_defer);
		return -1;
	}
	mark(step->goes_in, kdm_defer);
	return 0;
}

static int run_step(const struct plan *plan, struct step *step,
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

/* The step of this kind for the same device that comes before, or NULL. */
static const struct step *step_before(const struct plan *plan,
				      const struct step *step,
				      enum step_kind kind)
{
	const char *name = step->name;

	while (step-- > plan->step)
		if (step->kind == kind && !strcmp(step->name, name))
			return step;
	return NULL;
}

static bool is_loaded(const char *name, const struct kdm_table *table)
{
	struct error ignored = { 0 };
	struct kdm_table now;
	bool same = !kdm_loaded(name, &now, &ignored) &&
		    same_place(table, &now);

	kdm_table_free(&now);
	return same;
}

/* Not known in a process that goes on in another's place: then it is believed. */
static bool ours_is_loaded(const struct step *load)
{
	return !load || !load->loaded.nr ||
	       is_loaded(load->name, &load->loaded);
}

/* Somebody else's resume may have swapped our table in. */
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
static int check_unchanged(const struct plan *plan, const struct step *step,
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
	return same || done ? done : changed(step->name, error);
}

/* While devices stand still the guard may have given up, and taken the table out. */
static int check_swapped(const struct plan *plan, const struct step *step,
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

/* Where it is not to be had that the new table goes, it is said that it stays. */
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

/* The old one may be loaded already, by a process that was killed just then. */
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

/* Back after a swap that went well, because a later step did not. */
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

	mark(step->goes_in, kdm_keep);
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
	mark(step->comes_out, kdm_defer);
}

/* A swap after which nothing is missing: what was made for it is not taken away. */
static bool is_kept(const struct step *step)
{
	return step->kind == STEP_RESUME && !step->goes_back && !step->aside;
}

/*
 * What stood still runs again first, and then all is as it was. @begun: the step
 * that has failed may be half done.
 */
static void undo(const struct plan *plan, size_t failed, bool begun)
{
	const struct step *step = &plan->step[failed];

	if (begun && (step->kind == STEP_RESUME || step->kind == STEP_SUSPEND))
		undo_swap(plan, step);
	while (step-- > plan->step && !is_kept(step))
		undo_step(plan, step);
}

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
	undo(plan, at, begun);
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

/* In the guard. Nobody is left to be told of an error but the log. */
static void finish(struct plan *plan, size_t at)
{
	struct guard none = { 0 };
	struct error error = { 0 };
	int result = run_again(plan, &plan->step[at], &error);

	if (result)
		undo(plan, at, true);
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
		undo(plan, at, true);
		log_rescue(plan, "was undone", NULL);
	} else {
		finish(plan, at);
	}
	kdm_udev_end();
}

/* The node, or what it shows: a filter on top of a volume is of its group, too. */
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

/* LVM's commands must not change the volumes meanwhile, nor what the guard goes on with. */
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
