// SPDX-License-Identifier: GPL-2.0-or-later
/* qdm throttle and qdm threshold. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/size.h"
#include "cli/verb-limit.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "edit/edit.h"
#include "edit/limit.h"
#include "graph/describe.h"
#include "graph/resolve.h"
#include "kernel/groups.h"
#include "qmp/commands/limit.h"

/*
 * Groups
 */

struct json_object *named_args(const char *key, const char *value)
{
	struct json_object *args = json_object_new_object();

	json_put_string(args, key, value);
	return args;
}

/*
 * A device's own limits
 */

static struct json_object *named_node(struct json_object *nodes,
				      const char *name)
{
	struct json_object *one;
	size_t i;

	for (i = 0; name && i < json_object_array_length(nodes); i++) {
		one = json_object_array_get_idx(nodes, i);
		if (!strcmp(json_string(one, "node-name", ""), name))
			return one;
	}
	return NULL;
}

/* Is any node on top of the node of this name? */
static bool lies_under(struct json_object *nodes, const char *name)
{
	struct json_object *children, *child;
	size_t i, at;

	for (i = 0; i < json_object_array_length(nodes); i++) {
		if (!json_object_object_get_ex(json_object_array_get_idx(nodes, i),
					       "children", &children))
			continue;
		for (at = 0; at < json_object_array_length(children); at++) {
			child = json_object_array_get_idx(children, at);
			if (!strcmp(json_string(child, "node-name", ""), name))
				return true;
		}
	}
	return false;
}

static void print_unknown(void)
{
	printf(" limits unknown, as %s cannot be read", groups_dir());
}

static void print_throttle(const char *device, struct json_object *node,
			   struct json_object *limits)
{
	const char *discard = json_string(node, "discard", throttle_discards[0]);

	printf("%s: group %s,", device, json_string(node, "throttle-group", "-"));
	if (limits)
		people_print_limits(stdout, limits);
	else
		print_unknown();
	if (strcmp(discard, throttle_discards[0]))
		printf(" discard=%s", discard);
	printf(", %llu waiting\n", people_number(node, "read-waiting") +
	       people_number(node, "write-waiting"));
}

/* The filter of the device's own limits, "" if it has none; for the caller to free. */
static char *throttle_of(const char *device, struct error *error)
{
	const struct node *node, *filter;
	struct graph graph;
	char *name = NULL;

	if (graph_read(&graph, error))
		return NULL;
	node = graph_find(&graph, device);
	filter = node ? find_throttle(&graph, node) : NULL;
	if (node)
		name = copy(filter ? filter->dev.name : "");
	else
		refuse(error, "Device '%s' not found", device);
	graph_free(&graph);
	return name;
}

static void print_other(const char *device, const char *name,
			struct json_object *node)
{
	struct json_object *limits;

	printf("%s: limited by '%s', group %s,", device, name,
	       json_string(node, "throttle-group", "-"));
	if (json_object_object_get_ex(node, "limits", &limits))
		people_print_limits(stdout, limits);
	else
		print_unknown();
	putchar('\n');
}

/*
 * Throttles inserted under another name, or that are the device's own table, limit it
 * as well. Returns their number.
 */
static int print_others(const char *device, const char *own,
			struct json_object *nodes, struct error *error)
{
	const struct node *node;
	struct graph graph;
	const char *name;
	int nr = 0;

	if (graph_read(&graph, error))
		return -1;
	for (node = graph_find(&graph, device); node;
	     node = node_same(&graph, node)) {
		name = node_name(&node->dev);
		if (!node->table.nr || !strcmp(name, own) ||
		    kind_of_target(node->table.line[0].type) != KIND_THROTTLE)
			continue;
		print_other(device, name, named_node(nodes, name));
		nr++;
	}
	graph_free(&graph);
	return nr;
}

/* A filter that was dropped from its device limits nothing. */
static void print_throttles(const char *device, const char *own,
			    struct json_object *nodes, struct error *error)
{
	struct json_object *node = named_node(nodes, own), *limits = NULL;

	if (node)
		json_object_object_get_ex(node, "limits", &limits);
	if (node && lies_under(nodes, own))
		print_throttle(device, node, limits);
	else if (node)
		printf("no limits in force: '%s' is no longer under '%s', whose table was replaced since (qdm throttle %s and the limits puts it back)\n",
		       own, device, device);
	if (!print_others(device, own, nodes, error) && !node)
		puts("no limits");
}

static int show_throttle(const char *device, const struct options *options,
			 struct error *error)
{
	struct json_object *nodes = people_ask("query-named-block-nodes", NULL,
					       NULL, error);
	char *own = nodes ? throttle_of(device, error) : NULL;
	struct json_object *node, *limits = NULL;

	node = own ? named_node(nodes, own) : NULL;
	if (node && lies_under(nodes, own))
		json_object_object_get_ex(node, "limits", &limits);
	if (own && options->json)
		people_print_json(limits);
	else if (own)
		print_throttles(device, own, nodes, error);
	json_object_put(nodes);
	free(own);
	return error->class ? -1 : 0;
}

/* The command has other names for the limits, and requires all six rates. */
static struct json_object *old_style(const char *device,
				     struct json_object *limits,
				     const char *group, const char *discard)
{
	struct json_object *args = named_args("id", device);
	struct json_object *value;
	int i;

	for (i = 0; i < LIMITS_NR; i++) {
		if (json_object_object_get_ex(limits, limit_names[i], &value))
			json_object_object_add(args, limit_old_name(i),
					       json_object_get(value));
		else if (i % 3 == 0 && i < LIMITS_NR - 1)
			json_put_number(args, limit_old_name(i), 0);
	}
	if (group)
		json_put_string(args, "group", group);
	if (discard)
		json_put_string(args, "x-discard", discard);
	return args;
}

/* Removes "discard=..." from the words, as it is no limit. */
static const char *take_discard(struct options *options)
{
	const char *discard = NULL;
	size_t i, kept = 1;

	for (i = 1; i < options->nr; i++)
		if (people_discard(options->word[i]))
			discard = people_discard(options->word[i]);
		else
			options->word[kept++] = options->word[i];
	if (options->nr)
		options->nr = kept;
	return discard;
}

/* With discard= alone the limits are unchanged. */
static int keep_limits(struct json_object *limits, const char *device,
		       struct error *error)
{
	struct json_object *nodes = people_ask("query-named-block-nodes", NULL,
					       NULL, error);
	char *name = nodes ? throttle_of(device, error) : NULL;
	struct json_object *node = name ? named_node(nodes, name) : NULL;
	struct json_object *now;

	free(name);
	if (node && json_object_object_get_ex(node, "limits", &now)) {
		json_object_object_foreach(now, key, value)
			json_object_object_add(limits, key,
					       json_object_get(value));
	} else if (!error->class && node) {
		refuse(error, "the limits of '%s' cannot be read: %s is not there",
		       device, groups_dir());
	} else if (!error->class) {
		refuse(error, "'%s' has no limits; give one, too (for example iops-total=500)",
		       device);
	}
	json_object_put(nodes);
	return error->class ? -1 : 0;
}

static int check_limit_names(struct json_object *limits, struct error *error)
{
	struct limits unused;

	limits_init(&unused);
	json_object_object_foreach(limits, name, value)
		if (limits_set(&unused, name, json_object_get_int64(value),
			       error))
			return -1;
	return 0;
}

static int read_throttle(struct options *options, struct json_object *limits,
			 const char **discard, struct error *error)
{
	bool off;

	if (!options->nr)
		return misuse(error, "throttle: give a device");
	*discard = take_discard(options);
	if (people_check_discard(*discard, throttle_discards, error) ||
	    people_named(options, error))
		return -1;
	off = options->nr == 2 && !strcmp(options->word[1], "off");
	if (options->group && (off || (options->nr == 1 && !*discard)))
		return misuse(error, "--group requires limits, which that group gets (to join it as it is: qdm insert --node NAME throttle %s --group %s)",
			      options->word[0], options->group);
	if (options->nr == 1)
		return *discard ? keep_limits(limits, options->word[0], error) :
				  0;
	if (off)
		return 0;
	return people_limits(limits, options->word + 1, options->nr - 1,
			     error) || check_limit_names(limits, error) ? -1 : 0;
}

int verb_throttle(int argc, char **argv, struct error *error)
{
	struct json_object *limits = json_object_new_object();
	const char *discard = NULL;
	struct options options;
	bool changes;
	int result;

	result = options_read(&options, argc, argv,
			      "--json --dry-run --group", error);
	if (!result)
		result = read_throttle(&options, limits, &discard, error);
	changes = options.nr > 1 || discard;
	if (!result && changes)
		result = people_tell("block_set_io_throttle",
				     old_style(options.word[0], limits,
					       options.group, discard),
				     &options, error);
	if (!result && !(changes && options.dry_run))
		result = show_throttle(options.word[0], &options, error);
	json_object_put(limits);
	return result;
}

/*
 * Thresholds
 */

/* The node whose threshold the command would set: this one, or one beneath. */
static struct json_object *describe(const char *name, struct error *error)
{
	const struct node *node, *filter;
	struct json_object *found = NULL;
	struct graph graph;

	if (graph_read(&graph, error))
		return NULL;
	node = graph_find(&graph, name);
	filter = node ? find_threshold(&graph, node) : NULL;
	if (!node)
		refuse(error, "Node '%s' not found", name);
	else
		found = describe_node(&graph, filter ? filter : node);
	graph_free(&graph);
	return found;
}

static void print_threshold(struct json_object *node)
{
	const char *name = json_string(node, "node-name", "");
	uint64_t threshold = people_number(node, "write-threshold");
	char at[SIZE_TEXT], mark[SIZE_TEXT];

	if (!json_object_object_get_ex(node, "high-water", NULL)) {
		printf("%s: no threshold\n", name);
		return;
	}
	printf("%s: %s", name, json_string(node, "state", ""));
	if (threshold)
		printf(" at %s", size_exact(at, threshold));
	printf(", written up to %s",
	       size_exact(mark, people_number(node, "high-water")));
	if (threshold >= people_number(node, "size"))
		printf("; it cannot fire before the device, of %s, is longer",
		       size_exact(at, people_number(node, "size")));
	putchar('\n');
}

static int show_threshold(const char *name, const struct options *options,
			  struct error *error)
{
	struct json_object *node = describe(name, error);

	if (!node)
		return -1;
	if (options->json)
		people_print_json(node);
	else
		print_threshold(node);
	json_object_put(node);
	return 0;
}

int verb_threshold(int argc, char **argv, struct error *error)
{
	struct json_object *args;
	struct options options;
	uint64_t bytes = 0;

	if (options_read(&options, argc, argv, "--json --dry-run", error))
		return -1;
	if (options.nr < 1 || options.nr > 2)
		return misuse(error, "threshold: give a node, and a size or off");
	if (options.nr == 2 && strcmp(options.word[1], "off") &&
	    !read_size(options.word[1], &bytes))
		return misuse(error, "'%s' is not off and no size: " SIZE_UNITS,
			      options.word[1]);
	if (people_named(&options, error))
		return -1;
	if (options.nr == 2) {
		args = named_args("node-name", options.word[0]);
		json_put_number(args, "write-threshold", bytes);
		if (people_tell("block-set-write-threshold", args, &options,
				error))
			return -1;
	}
	return options.dry_run && options.nr == 2 ? 0 :
	       show_threshold(options.word[0], &options, error);
}
