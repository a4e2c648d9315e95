// SPDX-License-Identifier: GPL-2.0-or-later
/* The repairs, each with the command that --dry-run prints for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "cli/doctor/check.h"
#include "cli/verbs.h"
#include "edit/edit.h"
#include "edit/put-back.h"
#include "graph/graph.h"
#include "kernel/groups.h"
#include "plan/plan.h"

int resume_plainly(const char *name, struct error *error)
{
	const struct kdm_how how = { 0 };

	return kdm_resume(name, &how, error);
}

int give_name(const char *name, struct error *error)
{
	const struct kdm_how how = { .inner = true };
	char *wanted = print("%.*s", (int)(strlen(name) - strlen(PASSING_END)),
			     name);
	int result = kdm_rename(name, wanted, &how, error);

	free(wanted);
	return result;
}

static int plan_taking_out(const char *name, struct plan *plan,
			   struct error *error)
{
	struct graph graph;
	int result;

	if (graph_read(&graph, error))
		return -1;
	result = edit_take_out(&graph, name, plan, error);
	graph_free(&graph);
	return result;
}

int take_out(const char *name, struct error *error)
{
	struct plan plan = { 0 };
	int result = plan_taking_out(name, &plan, error) ||
		     plan_run(&plan, error) ? -1 : 0;

	plan_free(&plan);
	return result;
}

bool is_bare(const char *group)
{
	struct error ignored = { 0 };
	struct limits limits, none;

	limits_init(&none);
	return !group_has_members(group) &&
	       !group_read_limits(group, &limits, &ignored) &&
	       !memcmp(&limits, &none, sizeof(none));
}

/* A group that has limits or members by now is in use, and is kept. */
int end_adding(const char *name, struct error *error)
{
	char *marker = group_marker(name);
	int result = is_bare(name) ? group_remove(name, error) : 0;

	if (!result)
		result = group_remove(marker, error);
	free(marker);
	return result;
}

static void print_command(const char *command, const char *name)
{
	fputs(command, stdout);
	print_quoted(stdout, name);
}

static void print_rename(const char *name)
{
	char *wanted = print("%.*s", (int)(strlen(name) - strlen(PASSING_END)),
			     name);

	print_command("dmsetup rename ", name);
	print_command(" ", wanted);
	free(wanted);
}

static void print_resume(const char *name)
{
	print_command("dmsetup resume ", name);
}

static void print_rmdir(const char *name)
{
	print_command("rmdir ", groups_dir());
	print_command("/", name);
}

static void print_end_adding(const char *name)
{
	char *marker = group_marker(name);

	if (is_bare(name)) {
		print_rmdir(name);
		putchar('\n');
	}
	print_rmdir(marker);
	free(marker);
}

static void print_put_back(const char *name)
{
	(void)name;
	puts("qdm put-back");
}

static void print_take_out(const char *name)
{
	struct error error = { 0 };
	struct plan plan = { 0 };

	if (!plan_taking_out(name, &plan, &error))
		plan_print(&plan, stdout);
	else
		printf("# %s\n", error.text);
	plan_free(&plan);
}

/* Nodes that are no longer held open are free in the checks that follow. */
static void close_below(struct check *check, const struct devno *deps,
			size_t nr)
{
	struct node *below;
	size_t i;

	for (i = 0; i < nr; i++) {
		below = graph_at(&check->graph, deps[i]);
		if (below && below->dev.open_count)
			below->dev.open_count--;
	}
}

static void print_remove(const char *name)
{
	print_command("dmsetup remove --retry ", name);
}

static void note_removed(struct check *check, const char *name)
{
	struct node *node = graph_find(&check->graph, name);

	node->dev.live = false;
	close_below(check, node->below, node->nr_below);
}

static void print_clear(const char *name)
{
	print_command("dmsetup clear ", name);
}

static void note_cleared(struct check *check, const char *name)
{
	struct error ignored = { 0 };
	struct devno *deps;
	size_t nr;

	if (kdm_loaded_deps(name, &deps, &nr, &ignored))
		return;
	close_below(check, deps, nr);
	free(deps);
}

/*
 * Each repair, the function that prints it as a command, and the one that records its
 * effect.
 */
static const struct {
	int (*act)(const char *name, struct error *error);
	void (*print)(const char *name);
	void (*note)(struct check *check, const char *name);
} acts[] = {
	{ kdm_remove, print_remove, note_removed },
	{ kdm_clear, print_clear, note_cleared },
	{ resume_plainly, print_resume, NULL },
	{ give_name, print_rename, NULL },
	{ take_out, print_take_out, NULL },
	{ put_back_dropped, print_put_back, NULL },
	{ take_lost_down, print_put_back, NULL },
	{ group_remove, print_rmdir, NULL },
	{ end_adding, print_end_adding, NULL },
};

static void print_act(struct check *check, const char *name,
		      int (*act)(const char *name, struct error *error))
{
	size_t i;

	for (i = 0; acts[i].act != act; i++)
		;
	acts[i].print(name);
	putchar('\n');
	if (acts[i].note)
		acts[i].note(check, name);
}

/* Repairs by @act, with --repair. */
enum outcome mend(struct check *check, const char *name,
		  int (*act)(const char *name, struct error *error))
{
	struct error error = { 0 };

	if (!check->options->repair)
		return TROUBLE;
	if (check->options->dry_run) {
		print_act(check, name, act);
		return REPAIRED;
	}
	if (!act(name, &error))
		return REPAIRED;
	fprintf(stderr, "qdm: %s\n", error.text);
	return TROUBLE;
}
