// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm doctor: what is wrong here, and with --repair what can be mended.
 *
 * A tool that is killed leaves little: a device that was made and has no table,
 * a table that was loaded and not swapped in, a filter or a root that nothing
 * lies on, a group without its limits, a filter that has not joined its group
 * yet, a semaphore that was to wait for udev. Each is named. What is mended is
 * only what carries our UUID and nobody has open, a loaded table that names one
 * of our nodes, or what a killed command has marked; what may be somebody else's
 * work is said and left.
 *
 * A filter that nothing lies on is what blockdev-add makes, so it is no trouble
 * and is kept, unless its name is one of those that only a command gives which
 * also puts the filter in; then that command was killed on its way. --idle asks
 * for the others, too. `qdm insert --node NAME` gives a passing name until the
 * filter is put in; if it was killed after that, the name is mended.
 *
 * A group with neither limits nor members is mkdir's and object-add's as well,
 * and is kept, too, unless the marker of object-add stands beside it.
 *
 * With --dry-run each act is printed as a command instead, and what it would
 * free is noted in the graph, so that what comes after it is found as well.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "edit/edit.h"
#include "edit/limit.h"
#include "edit/put-back.h"
#include "graph/dropped.h"
#include "graph/graph.h"
#include "graph/job.h"
#include "graph/resolve.h"
#include "grow/grow.h"
#include "kernel/groups.h"
#include "kernel/targets.h"
#include "plan/calm.h"
#include "plan/log.h"
#include "plan/plan.h"

int doctor_patience = 5000;

struct check {
	const struct options *options;
	struct json_object *found;
	struct graph graph;
	int open;		/* how many troubles are left */
};

enum outcome { TROUBLE, REPAIRED, NOTE };

static void put(struct check *check, enum outcome outcome, const char *text)
{
	static const char * const words[] = {
		[TROUBLE] = "trouble", [REPAIRED] = "repaired", [NOTE] = "note",
	};
	struct json_object *one = json_object_new_object();

	json_put_string(one, outcome == NOTE ? "note" : "trouble", text);
	json_put_bool(one, "repaired", outcome == REPAIRED);
	json_object_array_add(check->found, one);
	if (check->options->dry_run)
		printf("# %s\n", text);
	else if (!check->options->json)
		printf("%s: %s\n", words[outcome], text);
	check->open += outcome == TROUBLE;
	if (outcome == REPAIRED && !check->options->dry_run)
		log_mended(text);
}

__attribute__((format(printf, 3, 4)))
static void say(struct check *check, enum outcome outcome, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = copy("out of memory");
	va_end(args);
	put(check, outcome, text);
	free(text);
}

static void check_target(struct check *check, const char *type)
{
	struct error error = { 0 };

	if (kdm_need_target(type, &error))
		say(check, TROUBLE, "%s; is the module built for this kernel (dkms status), and its key enrolled (mokutil --list-enrolled) if Secure Boot is on?",
			error.text);
}

static void check_surroundings(struct check *check)
{
	check_target(check, "qthrottle");
	check_target(check, "wthreshold");
	check_target(check, "backupcow");
	check_target(check, SHAPE_GUARD);
	if (access("/run/udev/control", F_OK))
		say(check, TROUBLE, "udevd does not run: links and BLOCK_JOB_ERROR events are missing");
	if (access(groups_dir(), F_OK))
		say(check, TROUBLE, "%s is not there: configfs is not mounted, or qthrottle is not loaded; the first group mends it",
			groups_dir());
}

static int resume_plainly(const char *name, struct error *error)
{
	const struct kdm_how how = { 0 };

	return kdm_resume(name, &how, error);
}

static int give_name(const char *name, struct error *error)
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

static int take_out(const char *name, struct error *error)
{
	struct plan plan = { 0 };
	int result = plan_taking_out(name, &plan, error) ||
		     plan_run(&plan, error) ? -1 : 0;

	plan_free(&plan);
	return result;
}

static bool is_bare(const char *group)
{
	struct error ignored = { 0 };
	struct limits limits, none;

	limits_init(&none);
	return !group_has_members(group) &&
	       !group_read_limits(group, &limits, &ignored) &&
	       !memcmp(&limits, &none, sizeof(none));
}

/* A group that has got limits or members by now is somebody's, and stays. */
static int end_adding(const char *name, struct error *error)
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

/* What nothing holds open any more is free for the checks that follow. */
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

/* Each way to mend, what prints it as a command, and what notes that it was done. */
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

/* Mends by @act, if that is wanted. */
static enum outcome mend(struct check *check, const char *name,
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

static bool is_ours(const struct node *node)
{
	return node->kind != KIND_DEVICE;
}

/* Made and killed before its table was there. */
static bool check_empty(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (!is_ours(node) || node->dev.live)
		return false;
	say(check, mend(check, name, kdm_remove),
	    "node '%s' has no table: a command was killed while it made it",
	    name);
	return true;
}

static bool has_ours(const struct graph *graph, const struct devno *deps,
		     size_t nr)
{
	const struct node *below;
	size_t i;

	for (i = 0; i < nr; i++) {
		below = graph_at(graph, deps[i]);
		if (below && is_ours(below))
			return true;
	}
	return false;
}

/* The table of its own that the last filter's removal gives back to the device. */
static bool loads_root(const struct graph *graph, const struct node *node)
{
	const struct node *root = find_root(graph, node);
	struct error ignored = { 0 };
	struct kdm_table loaded;
	bool same;

	if (!root || kdm_loaded(node->dev.name, &loaded, &ignored))
		return false;
	same = kdm_table_same(&loaded, &root->table);
	kdm_table_free(&loaded);
	return same;
}

/* The live table with the filter at its top left out, as a removal over a leaf loads it. */
static bool loads_one_less(const struct graph *graph, const struct node *node)
{
	const struct node *filter = node->nr_below ?
				    graph_at(graph, node->below[0]) : NULL;
	struct error ignored = { 0 };
	struct kdm_table loaded, wanted;
	const char *stuck;
	char below[32];
	bool same;

	if (!filter || !is_ours(filter) || !filter->nr_below)
		return false;
	snprintf(below, sizeof(below), "%u:%u", filter->below[0].major,
		 filter->below[0].minor);
	if (!shape_replace(&wanted, &node->table, filter->dev.devno, below,
			   &stuck))
		return false;
	same = !kdm_loaded(node->dev.name, &loaded, &ignored) &&
	       kdm_table_same(&loaded, &wanted);
	kdm_table_free(&loaded);
	kdm_table_free(&wanted);
	return same;
}

/* Is the table that is loaded one of ours? LVM may be swapping one at the moment. */
static bool loads_ours(const struct graph *graph, const struct node *node)
{
	struct error ignored = { 0 };
	struct devno *deps;
	bool found;
	size_t nr;

	if (!node->dev.pending)
		return false;
	if (is_ours(node) || loads_root(graph, node) ||
	    loads_one_less(graph, node))
		return true;
	if (kdm_loaded_deps(node->dev.name, &deps, &nr, &ignored))
		return false;
	found = has_ours(graph, deps, nr);
	free(deps);
	return found;
}

/* Is there a filter or root below this device, or ready to be? */
static bool is_edited(const struct graph *graph, const struct node *node)
{
	return is_ours(node) || find_root(graph, node) ||
	       has_ours(graph, node->below, node->nr_below) ||
	       loads_ours(graph, node);
}

static void check_pending(struct check *check, const struct node *node,
			  bool ours)
{
	const char *name = node->dev.name;

	if (!node->dev.pending)
		return;
	say(check, ours ? mend(check, name, kdm_clear) : TROUBLE,
	    "device '%s' has a table loaded that is not live%s", name,
	    ours ? ": a command was killed before the swap" :
	           "; it may be somebody else's (dmsetup clear)");
}

/*
 * Nothing says who has suspended it. LVM does so for a moment, and would lose what
 * it does in it; what a killed command has left stays.
 */
static bool goes_on_by_itself(const char *name)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct error ignored = { 0 };
	struct kdm_device device;
	int left;

	for (left = doctor_patience / 100; left >= 0; left--) {
		if (kdm_find(name, &device, &ignored) != 1 || !device.suspended)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void check_suspended(struct check *check, const struct node *node,
			    bool ours)
{
	const char *name = node->dev.name;

	if (!node->dev.suspended || !node->dev.live)
		return;
	if (!node->dev.pending && is_edited(&check->graph, node)) {
		if (goes_on_by_itself(name))
			return;
		ours = true;
	}
	say(check, ours ? mend(check, name, resume_plainly) : TROUBLE,
	    "device '%s' is suspended%s", name,
	    ours ? "" : "; it may be somebody else's doing (dmsetup resume)");
}

static void check_half_way(struct check *check, const struct node *node)
{
	bool ours = loads_ours(&check->graph, node);

	check_pending(check, node, ours);
	check_suspended(check, node, ours || is_ours(node));
}

/* The device that a filter is meant to go under, by the root it lies on. */
static char *meant_for(const struct graph *graph, const struct node *node)
{
	while (node && node->kind != KIND_ROOT)
		node = node->nr_below ? graph_at(graph, node->below[0]) : NULL;
	if (!node)
		return copy("");
	return print("%.*s", (int)(strlen(node->dev.name) - strlen("-root")),
		     node->dev.name);
}

/* A command that begins a full backup makes its filter without a destination. */
static bool has_not_begun(const struct node *node)
{
	return node->kind == KIND_BACKUP && node->nr_below == 1;
}

/*
 * Filters are called after the device, and what `qdm insert` was told a name for
 * has another one until it is put in. A job's name may be a client's choice.
 */
static bool has_given_name(const struct graph *graph, const struct node *node)
{
	char *device = meant_for(graph, node);
	char *given = print("%s-%s", device, kind_word(node->kind));
	bool same = !strcmp(node->dev.name, given) || has_not_begun(node);

	free(given);
	free(device);
	return same || is_passing(&node->dev);
}

/*
 * A filter that is meant to go under a device and that nothing lies on does
 * nothing. What lies on a leaf by path may be mounted any time and is left
 * alone.
 */
static bool is_idle(const struct graph *graph, const struct node *node)
{
	return is_ours(node) && node->kind != KIND_ROOT && node->dev.live &&
	       !node->dev.open_count && node_is_inner(graph, node) &&
	       !dropped_from(graph, node);
}

static void check_idle(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (!is_idle(&check->graph, node))
		return;
	if (has_given_name(&check->graph, node))
		say(check, TROUBLE, "filter '%s' has nothing on it: a command was killed while it put it in or took it out",
		    name);
	else
		say(check, NOTE, "filter '%s' has nothing on it: it was not put in yet, or taken out and not deleted (blockdev-del, or --repair --idle)",
		    name);
}

static bool clear_idle(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (!is_idle(&check->graph, node) ||
	    (!check->options->idle && !has_given_name(&check->graph, node)) ||
	    mend(check, name, kdm_remove) != REPAIRED)
		return false;
	say(check, REPAIRED, "filter '%s' has nothing on it", name);
	return true;
}

/* Put in, and killed before it got the name that it was to have. */
static void check_passing(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (!is_passing(&node->dev) || !node->dev.live ||
	    !node->dev.open_count)
		return;
	say(check, mend(check, name, give_name),
	    "filter '%s' is to be called '%s': a command was killed after it put it in",
	    name, node_name(&node->dev));
}

static bool changes(const struct check *check)
{
	return check->options->repair && !check->options->dry_run;
}

static int read_again(struct check *check, struct error *error)
{
	if (!changes(check))
		return 0;
	graph_free(&check->graph);
	return graph_read(&check->graph, error);
}

/* Those below a filter that has gone may have nothing on them now. */
static int clear_filters(struct check *check, struct error *error)
{
	bool again = false;
	size_t i;

	for (i = 0; i < check->graph.nr; i++)
		again |= clear_idle(check, &check->graph.node[i]);
	if (!again)
		return 0;
	if (read_again(check, error))
		return -1;
	return clear_filters(check, error);
}

/* A leaf's node waits for its filter, as a filter does that is not put in. */
static void check_host(struct check *check, const struct node *node)
{
	enum outcome outcome = NOTE;

	if (check->options->idle)
		outcome = mend(check, node->dev.name, kdm_remove);
	say(check, outcome, "node '%s' has nothing on it (blockdev-del, or --repair --idle)",
	    node->dev.name);
}

/* A root that nothing lies on has no use, but a filter may be on its way. */
static void check_root(struct check *check, const struct node *node)
{
	const char *name = node->dev.name;

	if (node->kind != KIND_ROOT || !node->dev.live || node->dev.open_count)
		return;
	if (node_is_host(node)) {
		check_host(check, node);
		return;
	}
	say(check, mend(check, name, kdm_remove),
	    "root '%s' has nothing on it: a command was killed before it made the filter, or after it removed it",
	    name);
}

static void check_type(struct check *check, const struct node *node)
{
	const char *wanted = kind_target(node->kind);

	if (wanted && node->table.nr && strcmp(node->table.line[0].type, wanted))
		say(check, TROUBLE, "node '%s' is a %s by its UUID and has a table of target '%s'",
			node->dev.name, kind_word(node->kind),
			node->table.line[0].type);
}

/* lvextend and the like load a table that knows nothing of a filter. */
static bool check_dropped(struct check *check, const struct node *node)
{
	const struct node *device;

	if (node->kind == KIND_ROOT || !is_ours(node) || node->dev.open_count)
		return false;
	device = dropped_from(&check->graph, node);
	if (!device)
		return false;
	if (node->kind == KIND_BACKUP)
		say(check, NOTE, "filter '%s' was dropped: device '%s' was given another table by LVM or dmsetup; a backup is not put back",
		    node->dev.name, device->dev.name);
	else
		say(check, mend(check, device->dev.name, put_back_dropped),
		    "filter '%s' was dropped: device '%s' was given another table by LVM or dmsetup",
		    node->dev.name, device->dev.name);
	return true;
}

static void check_lost(struct check *check, const struct node *node)
{
	if (has_lost_device(&check->graph, node))
		say(check, mend(check, node->dev.name, take_lost_down),
		    "root '%s' has lost its device: that was removed with a filter under it",
		    node->dev.name);
}

/* The only repair that swaps tables: a plan, which waits for udev by itself. */
static int check_on_their_way(struct check *check, struct error *error)
{
	const struct node *node;
	bool again = false;
	size_t i;

	for (i = 0; i < check->graph.nr; i++) {
		node = &check->graph.node[i];
		if (!limit_is_on_its_way(node) ||
		    !graph_above(&check->graph, node->dev.devno))
			continue;
		again = true;
		say(check, mend(check, node->dev.name, take_out),
		    "filter '%s' is in no group yet: block_set_io_throttle was killed before it gave the group its limits",
		    node->dev.name);
	}
	return again ? read_again(check, error) : 0;
}

/* These swap tables as well. */
static int check_all_dropped(struct check *check, struct error *error)
{
	bool any = false;
	size_t i;

	for (i = 0; i < check->graph.nr; i++)
		any |= check_dropped(check, &check->graph.node[i]);
	return any ? read_again(check, error) : 0;
}

/* What a loaded table holds open is free only when that has been cleared. */
static int check_halfway(struct check *check, struct error *error)
{
	const struct node *node;
	size_t i;

	for (i = 0; i < check->graph.nr; i++) {
		node = &check->graph.node[i];
		if (check_empty(check, node))
			continue;
		check_half_way(check, node);
	}
	return read_again(check, error);
}

/* Its copy is no backup, and nobody may have looked since. */
static void check_failed(struct check *check, const struct job *job)
{
	if (!job_failed(job))
		return;
	if (!strcmp(job->state, "paused"))
		say(check, TROUBLE, "backup '%s' stands still: %s (job-resume goes on when that is mended, qdm remove --cancel %s ends it)",
		    job->id, job_error_text(job), job->node);
	else
		say(check, TROUBLE, "backup '%s' has failed: %s; what it has written is no whole copy (qdm remove %s, and begin it again)",
		    job->id, job_error_text(job), job->node);
}

/* The backup is well, for the price of what the device's users have written. */
static void check_lost_writes(struct check *check, const struct job *job)
{
	if (job->lost_writes)
		say(check, TROUBLE, "backup '%s' has made %llu writes to its device fail, the first with %s: their old data could not be copied (on-cbw-error break-guest-write)",
		    job->id, (unsigned long long)job->lost_writes,
		    job->lost_error);
}

/* A line of an older qdm: what leads past it is told to nobody, and the copy is wrong. */
static void check_guard(struct check *check, const struct node *node,
			const struct job *job)
{
	const struct graph *graph = &check->graph;
	const struct node *device, *below;
	size_t i;

	if (job->guarded || job_is_over(node))
		return;
	for (i = 0; i < graph->nr; i++) {
		device = &graph->node[i];
		below = attached(graph, device);
		if (below && node_reaches(graph, below, node) &&
		    strcmp(device->table.line[0].type, SHAPE_GUARD))
			say(check, TROUBLE, "backup '%s' has no guard line above it: when LVM or dmsetup gives '%s' another table its copy is of no instant, and it does not know (cancel it, and begin it again)",
			    job->id, device->dev.name);
	}
}

static void check_backup(struct check *check, const struct node *node)
{
	struct job job;

	if (!node->dev.live || !job_of_node(&job, node))
		return;
	check_failed(check, &job);
	check_lost_writes(check, &job);
	check_guard(check, node, &job);
}

static void check_nodes(struct check *check)
{
	const struct node *node;
	size_t i;

	for (i = 0; i < check->graph.nr; i++) {
		node = &check->graph.node[i];
		check_idle(check, node);
		check_root(check, node);
		check_type(check, node);
		check_backup(check, node);
		check_lost(check, node);
		check_passing(check, node);
	}
}

static void check_group(struct check *check, const char *name)
{
	bool bare = is_bare(name);

	if (group_is_adding(name))
		say(check, mend(check, name, end_adding),
		    bare ? "group '%s' has no limits yet: object-add was killed before it gave it any" :
			   "group '%s' is marked as being made: object-add was killed before it took the mark away",
		    name);
	else if (bare)
		say(check, check->options->idle ?
			   mend(check, name, group_remove) : NOTE,
		    "group '%s' has no limits and no members: it was not given any yet (object-del, or --repair --idle)",
		    name);
}

/* Those of groups that are there are gone by now, if they are to be mended. */
static bool has_group(const char *marker, char **groups, size_t nr)
{
	bool found = false;
	char *wanted;
	size_t i;

	for (i = 0; i < nr && !found; i++) {
		wanted = group_marker(groups[i]);
		found = !strcmp(wanted, marker);
		free(wanted);
	}
	return found;
}

static void check_markers(struct check *check, char **groups, size_t nr_groups)
{
	struct error error = { 0 };
	char **markers;
	size_t nr, i;

	if (groups_markers(&markers, &nr, &error))
		say(check, TROUBLE, "%s", error.text);
	for (i = 0; i < nr; i++) {
		if (!has_group(markers[i], groups, nr_groups))
			say(check, mend(check, markers[i], group_remove),
			    "'%s' in %s is left over: object-add was killed before it made the group",
			    markers[i], groups_dir());
		free(markers[i]);
	}
	free(markers);
}

static void check_groups(struct check *check)
{
	struct error error = { 0 };
	char **names;
	size_t nr, i;

	if (groups_list(&names, &nr, &error))
		say(check, TROUBLE, "%s", error.text);
	for (i = 0; i < nr; i++)
		check_group(check, names[i]);
	check_markers(check, names, nr);
	for (i = 0; i < nr; i++)
		free(names[i]);
	free(names);
}

static enum outcome drop_cookie(struct check *check, uint32_t cookie)
{
	struct error ignored = { 0 };

	if (!check->options->repair)
		return TROUBLE;
	if (check->options->dry_run)
		printf("ipcrm -S 0x%08x\n", cookie);
	else if (kdm_drop_cookie(cookie, &ignored))
		return TROUBLE;
	return REPAIRED;
}

static void check_cookies(struct check *check)
{
	struct error error = { 0 };
	enum outcome outcome;
	uint32_t *cookies;
	size_t nr, i;

	if (kdm_stale_cookies(&cookies, &nr, &error)) {
		say(check, TROUBLE, "%s", error.text);
		return;
	}
	for (i = 0; i < nr; i++) {
		outcome = drop_cookie(check, cookies[i]);
		say(check, outcome, "semaphore 0x%08x is left over: who waited for udev by it was killed",
		    cookies[i]);
	}
	free(cookies);
}

static void tell_growth(void *with, bool trouble, const char *text)
{
	put(with, trouble ? TROUBLE : NOTE, text);
}

static int check_rest(struct check *check, struct error *error)
{
	if (check->options->repair && clear_filters(check, error))
		return -1;
	check_nodes(check);
	return 0;
}

/* What is mended is announced to udev, and waited for. */
static int with_udev(struct check *check, struct error *error,
		     int (*checks)(struct check *check, struct error *error))
{
	int result;

	if (!changes(check))
		return checks(check, error);
	calm_begin();
	result = kdm_udev_begin(error);
	if (!result) {
		result = checks(check, error);
		kdm_udev_end();
	}
	calm_end(!result);
	return result;
}

static int run_checks(struct check *check, struct error *error)
{
	int result;

	if (changes(check) && edit_lock(error))
		return -1;
	if (graph_read(&check->graph, error)) {
		edit_unlock();
		return -1;
	}
	check_surroundings(check);
	result = with_udev(check, error, check_halfway);
	if (!result)
		result = check_on_their_way(check, error);
	if (!result)
		result = check_all_dropped(check, error);
	if (!result)
		result = with_udev(check, error, check_rest);
	check_groups(check);
	check_cookies(check);
	edit_unlock();
	grow_troubles(&check->graph, tell_growth, check);
	graph_free(&check->graph);
	return result;
}

static void print_version(void)
{
	struct utsname system;

	if (!uname(&system))
		printf("kernel %s on %s\n", system.release, system.machine);
}

int verb_doctor(int argc, char **argv, struct error *error)
{
	struct options options;
	struct check check = { .options = &options };
	int result;

	if (options_read(&options, argc, argv, "--json --dry-run --repair --idle",
			 error))
		return -1;
	if (options.nr)
		return misuse(error, "doctor: '%s' is unexpected",
			      options.word[0]);
	if (options.idle && !options.repair)
		return misuse(error, "--idle goes with --repair: it deletes filters that nothing lies on");
	if (options.dry_run && (!options.repair || options.json))
		return misuse(error, "--dry-run goes with --repair, and without --json");
	check.found = json_object_new_array();
	if (options.dry_run)
		puts("#!/bin/bash\nset -euo pipefail");
	else if (!options.json)
		print_version();
	result = run_checks(&check, error);
	if (!result && options.json)
		people_print_json(check.found);
	else if (!result && !options.dry_run &&
		 !json_object_array_length(check.found))
		puts("all is well");
	json_object_put(check.found);
	if (!result && check.open)
		result = refuse(error, "%d %s left", check.open,
				check.open == 1 ? "trouble" : "troubles");
	return result;
}
