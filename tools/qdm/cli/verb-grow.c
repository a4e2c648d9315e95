// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm grow: one verb for a volume that grows by itself, from the threshold's filter to
 * the line with its options, in the right order. A threshold that is already passed by
 * then is answered immediately.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/size.h"
#include "cli/verb-grow.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "graph/resolve.h"
#include "grow/conf.h"
#include "grow/fs.h"
#include "grow/grow.h"
#include "grow/run.h"
#include "plan/plan.h"

#define NODE_END	"grow"
#define OPTIONS	"--json --dry-run --node --step --reserve --max --per-hour --now"
#define COMMAND_LINE	"qdm grow"

/*
 * Setting
 */

static int read_option(const char *name, const char *text, uint64_t *value,
		       struct error *error)
{
	if (!text || read_size(text, value))
		return 0;
	return misuse(error, "%s: '%s' is no size: " SIZE_UNITS, name, text);
}

static int read_per_hour(const char *text, int *value, struct error *error)
{
	struct grow_policy policy;
	char *words;
	int result;

	if (!text)
		return 0;
	words = print("- - - %s", text);
	result = grow_read(words, "", "--per-hour", &policy, error);
	free(words);
	if (!result)
		*value = policy.per_hour;
	return result;
}

/* Options that are not given are kept; half of the step is the reserve of a new line. */
static int read_policy(const struct options *options, const char *node,
		       struct grow_policy *policy, struct error *error)
{
	struct error ignored = { 0 };
	char *where;
	int found = conf_find(node, policy, &where, &ignored);

	free(where);
	if (found <= 0 && grow_read("", node, "", policy, error))
		return -1;
	if (read_option("--step", options->step, &policy->step, error))
		return -1;
	if (found <= 0)
		policy->reserve = (policy->step + 1) / 2;
	if (read_option("--reserve", options->reserve, &policy->reserve,
			error) ||
	    read_option("--max", options->max, &policy->maximum, error) ||
	    read_per_hour(options->per_hour, &policy->per_hour, error))
		return -1;
	return grow_check(policy, node, COMMAND_LINE, error);
}

static int make_node(const struct node *device, const char *node,
		     const struct grow_policy *policy,
		     const struct options *options, struct error *error)
{
	struct json_object *args = json_object_new_object();
	uint64_t size = kdm_table_len(&device->table) * 512;
	char *path = print("/dev/mapper/%s", device->dev.name);

	json_put_string(args, "driver", "write-threshold");
	json_put_string(args, "node-name", node);
	json_put_string(args, "file", path);
	json_put_number(args, "write-threshold",
			size > policy->reserve ? size - policy->reserve : 1);
	free(path);
	return people_tell("blockdev-add", args, options, error);
}

/*
 * udev and similar programs open a new device briefly, and so does the program that
 * made it. A writer is assumed to be permanent sooner than a reader.
 */
static bool is_in_use(const struct node *device)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	struct error ignored = { 0 };
	struct kdm_device now;
	int left, writing = 0;

	for (left = 30; left >= 0; left--) {
		if (kdm_find(device->dev.name, &now, &ignored) != 1 ||
		    !now.open_count)
			return false;
		if (fs_users(now.devno, now.open_count) == USERS_WRITING &&
		    ++writing == 10)
			return true;
		nanosleep(&pause, NULL);
	}
	return true;
}

static int check_device(const struct node *device, const char *node,
			struct error *error)
{
	if (strncmp(device->dev.uuid, "LVM-", 4))
		return refuse(error, "'%s' is no LVM volume; only these, and write thresholds on them, can grow",
			      device->dev.name);
	if (is_in_use(device))
		return refuse(error, "'%s' is in use, and the threshold has to be on top of it, as LVM drops filters under a volume when it extends it: unmount it, give this command again, and mount /dev/mapper/%s in its place",
			      device->dev.name, node);
	return 0;
}

static void print_script(const char *node, const struct grow_policy *policy,
			 bool made)
{
	char *path = conf_path(node), *words = grow_write(policy);
	char *folder = print("%.*s", (int)(strrchr(path, '/') - path), path);

	if (!made)
		puts("#!/bin/bash\nset -euo pipefail");
	fputs("mkdir -p ", stdout);
	print_quoted(stdout, folder);
	printf("\necho '* %s' >", words);
	print_quoted(stdout, path);
	fputs("\nqdm grow --now ", stdout);
	print_quoted(stdout, node);
	putchar('\n');
	free(folder);
	free(words);
	free(path);
}

static int set(const struct node *device, const char *node, bool is_new,
	       const struct options *options, struct error *error)
{
	struct grow_policy policy;

	if (read_policy(options, node, &policy, error))
		return -1;
	if (is_new && (check_device(device, node, error) ||
		       make_node(device, node, &policy, options, error)))
		return -1;
	if (options->dry_run) {
		print_script(node, &policy, is_new);
		return 0;
	}
	if (conf_write(node, &policy, error))
		return -1;
	run_units();
	return grow_answer(node, false, error);
}

static void say_off(const char *node, const struct options *options)
{
	struct json_object *told = json_object_new_object();

	json_put_string(told, "node-name", node);
	if (options->json)
		people_print_json(told);
	else
		printf("%s: grows no more\n", node);
	json_object_put(told);
}

/* A line written by hand is not changed. */
static int check_by_hand(const char *node, struct error *error)
{
	struct grow_policy policy;
	struct error ignored = { 0 };
	char *where;
	int found = conf_find_by_hand(node, &policy, &where, &ignored);

	if (found)
		refuse(error, "'%s' also has a line in %s; remove that first",
		       node, where);
	free(where);
	return found ? -1 : 0;
}

static void print_off(const char *node)
{
	char *path = conf_path(node);

	fputs("#!/bin/bash\nset -euo pipefail\nrm -f ", stdout);
	print_quoted(stdout, path);
	printf("\ndmsetup message ");
	print_quoted(stdout, node);
	puts(" 0 set-threshold 0");
	free(path);
}

static int turn_off(const char *node, const struct options *options,
		    struct error *error)
{
	int lock, result;

	if (check_by_hand(node, error))
		return -1;
	if (options->dry_run) {
		print_off(node);
		return 0;
	}
	lock = grow_lock(node);
	if (lock < 0)
		return refuse(error, "%s: cannot take its lock in /run: %s",
			      node, strerror(errno));
	result = conf_remove(node, error) < 0 ||
		 kdm_message(node, "set-threshold 0", error) ? -1 : 0;
	close(lock);
	if (!result)
		say_off(node, options);
	return result;
}

/* Only the line can be left of a node that does not exist. */
static int forget(const char *node, const struct options *options,
		  struct error *error)
{
	char *path = conf_path(node);
	int found = access(path, F_OK) ? 0 : 1;

	if (found && options->dry_run) {
		fputs("#!/bin/bash\nrm -f ", stdout);
		print_quoted(stdout, path);
		putchar('\n');
	} else if (found) {
		found = conf_remove(node, error);
		if (found > 0)
			say_off(node, options);
	}
	free(path);
	if (!found)
		refuse(error, "Device '%s' not found", node);
	return found > 0 ? 0 : -1;
}

/* The device's filter, or its future name. */
static char *name_for(const struct graph *graph, const struct node *device,
		      const struct options *options, bool *is_new)
{
	const struct node *node = grow_node(graph, device);

	*is_new = !node;
	if (node)
		return copy(node->dev.name);
	if (options->node)
		return copy(options->node);
	return new_derived_name(graph, device->dev.name, NODE_END);
}

static bool sets(const struct options *options)
{
	return options->step || options->reserve || options->max ||
	       options->per_hour;
}

static int on_device(const struct graph *graph, const struct options *options,
		     struct error *error)
{
	const struct node *device = graph_find(graph, options->word[0]);
	bool off = options->nr == 2, is_new;
	struct graph after;
	char *node;
	int result = 0;

	if (!device && off)
		return forget(options->word[0], options, error);
	if (!device)
		return refuse(error, "Device '%s' not found", options->word[0]);
	node = name_for(graph, device, options, &is_new);
	if (is_new && !sets(options))
		result = refuse(error, "'%s' has no write threshold and does not grow; give --step and --reserve",
				device->dev.name);
	else if (options->now)
		result = grow_answer(node, false, error);
	else if (off)
		result = turn_off(node, options, error);
	else if (sets(options))
		result = set(device, node, is_new, options, error);
	if (!result && !off && !options->dry_run) {
		result = graph_read(&after, error);
		result = result ? result : show_growing(&after, node, options, error);
		graph_free(&after);
	}
	free(node);
	return result;
}

/*
 * All volumes
 */

static bool has_line(const char *node)
{
	struct grow_policy policy;
	struct error ignored = { 0 };
	char *where;
	int found = conf_find(node, &policy, &where, &ignored);

	free(where);
	return found;
}

static bool is_to_be_answered(const struct node *node)
{
	return grow_is_threshold(node) && has_line(node->dev.name) &&
	       !grow_is_answered(node->dev.name);
}

/* A failure of one node does not affect the others. */
static int answer_all(const struct graph *graph, struct error *error)
{
	const struct node *node;
	struct error one;
	size_t i;

	for (i = 0; i < graph->nr; i++) {
		node = &graph->node[i];
		one = (struct error){ 0 };
		if (!is_to_be_answered(node) ||
		    !grow_answer(node->dev.name, false, &one))
			continue;
		if (*error->text)
			fprintf(stderr, "qdm: %s\n", one.text);
		else
			refuse(error, "%s", one.text);
	}
	return *error->text ? -1 : 0;
}

static int check_words(const struct options *options, struct error *error)
{
	if (options->nr > 2 ||
	    (options->nr == 2 && strcmp(options->word[1], "off")))
		return misuse(error, "grow: '%s' is unexpected; give a device, and options or off",
			      options->word[options->nr - 1]);
	if (!options->nr && (sets(options) || options->node))
		return misuse(error, "grow: give a device");
	if ((options->nr == 2 || options->now) && sets(options))
		return misuse(error, "grow: %s excludes sizes",
			      options->now ? "--now" : "off");
	return 0;
}

/* One that has to wait does not delay the others. */
static void answer_beside(const char *node)
{
	struct error told_by_log = { 0 };
	pid_t pid = fork();

	if (pid > 0)
		return;
	grow_answer(node, false, &told_by_log);
	if (!pid)
		_exit(0);
}

/*
 * For the timer, and after a change of the lines. A failure is reported once, in the
 * log.
 */
static int answer_again(struct error *error)
{
	struct graph graph;
	size_t i;

	if (graph_read(&graph, error))
		return -1;
	for (i = 0; i < graph.nr; i++)
		if (is_to_be_answered(&graph.node[i]))
			answer_beside(graph.node[i].dev.name);
	graph_free(&graph);
	while (wait(NULL) > 0)
		;
	return 0;
}

/*
 * Hidden options for qdm-extend: an event is answered until another one would be
 * meaningful.
 */
static int answer_event(int argc, char **argv, struct error *error)
{
	return argc == 2 ? answer_again(error) :
			   grow_answer(argv[2], true, error);
}

int verb_grow(int argc, char **argv, struct error *error)
{
	struct options options;
	struct graph graph;
	int result;

	if ((argc == 2 || argc == 3) && !strcmp(argv[1], "--event"))
		return answer_event(argc, argv, error);
	if (options_read(&options, argc, argv, OPTIONS, error) ||
	    check_words(&options, error) || people_named(&options, error) ||
	    graph_read(&graph, error))
		return -1;
	if (options.nr)
		result = on_device(&graph, &options, error);
	else if (options.now)
		result = answer_all(&graph, error);
	else
		result = show_all_growing(&graph, &options);
	graph_free(&graph);
	return result;
}
