// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm doctor: reports faults, and with --repair clears the remains of killed commands.
 *
 * A killed tool leaves little: a new device without a table, a loaded table that was
 * not swapped in, a filter or a root with nothing on top of it, a group without its
 * limits, a filter that has not joined its group yet, a semaphore of a wait for udev.
 * Each is reported. A repair is limited to nodes with our UUID that are not open, a
 * loaded table that names one of our nodes, and groups that a killed command has
 * marked; anything that may belong to another program is reported and left.
 *
 * A filter with nothing on top of it is the normal result of blockdev-add, so it is no
 * fault and is kept, unless only a command that also inserts the filter uses its name;
 * then that command was killed. --idle removes the others, too. `qdm insert --node
 * NAME` uses a temporary name until the filter is inserted; if it was killed after
 * that, the name is corrected.
 *
 * A group with neither limits nor members is the normal result of mkdir and object-add,
 * and is kept, too, unless the marker of object-add exists next to it.
 *
 * With --dry-run each repair is printed as a command instead, and its effect is
 * recorded in the graph, so that dependent remains are found as well.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/alloc.h"
#include "base/json.h"
#include "cli/doctor/check.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "graph/graph.h"
#include "grow/grow.h"
#include "plan/calm.h"
#include "plan/log.h"
#include "plan/plan.h"

int doctor_patience = 5000;

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
void say(struct check *check, enum outcome outcome, const char *fmt, ...)
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

bool changes(const struct check *check)
{
	return check->options->repair && !check->options->dry_run;
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

/* Repairs are announced to udev, with a wait for it. */
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
		return misuse(error, "--idle requires --repair: it deletes filters with nothing on top of them");
	if (options.dry_run && (!options.repair || options.json))
		return misuse(error, "--dry-run requires --repair, and excludes --json");
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
