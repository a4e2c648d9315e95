// SPDX-License-Identifier: GPL-2.0-or-later
/* qdm grow without changes: which volumes grow by themselves, and how. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "cli/verb-grow.h"
#include "cli/verbs.h"
#include "cli/words.h"
#include "grow/conf.h"
#include "grow/fs.h"
#include "grow/grow.h"
#include "plan/plan.h"

static bool has_fired(const struct growing *growing)
{
	return !strcmp(growing->state, "fired");
}

static struct json_object *describe(const struct growing *growing)
{
	struct json_object *one = json_object_new_object();
	const struct grow_policy *policy = &growing->policy;

	json_put_string(one, "node-name", growing->node);
	json_put_string(one, "volume", growing->volume);
	json_put_number(one, "size", growing->view.size);
	json_put_number(one, "step", policy->step);
	json_put_number(one, "reserve", policy->reserve);
	if (policy->maximum < 1ull << 62)
		json_put_number(one, "max", policy->maximum);
	if (policy->per_hour > 0)
		json_put_number(one, "per-hour", policy->per_hour);
	json_put_string(one, "state", growing->state);
	json_put_number(one, "write-threshold", growing->threshold);
	json_put_number(one, "high-water", growing->view.mark);
	if (growing->view.mounted) {
		json_put_number(one, "filesystem-size", growing->view.fs_size);
		json_put_number(one, "free", growing->view.free);
	}
	json_put_string(one, "file", growing->where);
	return one;
}

static void print_one(const struct growing *growing)
{
	const struct grow_policy *policy = &growing->policy;
	char size[SIZE_TEXT], step[SIZE_TEXT], reserve[SIZE_TEXT];
	char other[SIZE_TEXT];

	printf("%s: %s of %s, grows by %s when less than %s %s", growing->node,
	       size_text(size, growing->view.size), growing->volume,
	       size_text(step, policy->step),
	       size_text(reserve, policy->reserve),
	       growing->view.mounted ? "are free" : "are left after the last write");
	if (growing->view.mounted)
		printf(" (%s are)", size_text(other, growing->view.free));
	if (policy->maximum < 1ull << 62)
		printf(", up to %s", size_text(other, policy->maximum));
	if (policy->per_hour > 0)
		printf(", at most %d times an hour", policy->per_hour);
	printf("; %s", growing->state);
	if (!has_fired(growing) && growing->threshold)
		printf(" at %s", size_text(other, growing->threshold));
	putchar('\n');
}

/* 1 if the node has a line and is on top of a volume; then its state is read, too. */
static int read_one(struct growing *growing, const struct graph *graph,
		    const char *node, struct error *error)
{
	int found = conf_find(node, &growing->policy, &growing->where, error);

	if (found <= 0)
		return found;
	if (grow_find(growing, graph, node, error) ||
	    grow_look(growing, error))
		return -1;
	return 1;
}

int show_growing(const struct graph *graph, const char *node,
		 const struct options *options, struct error *error)
{
	struct growing growing = { 0 };
	struct json_object *one;
	int found = read_one(&growing, graph, node, error);

	if (!found)
		refuse(error, "%s: no line in %s names it", node,
		       growing.where);
	if (found == 1 && options->json) {
		one = describe(&growing);
		people_print_json(one);
		json_object_put(one);
	} else if (found == 1) {
		print_one(&growing);
	}
	free(growing.where);
	return found == 1 ? 0 : -1;
}

static void add_to_list(struct json_object *list, const struct graph *graph,
			const char *node, const struct options *options)
{
	struct growing growing = { 0 };
	struct error error = { 0 };
	int found = read_one(&growing, graph, node, &error);

	if (found == 1 && options->json)
		json_object_array_add(list, describe(&growing));
	else if (found == 1)
		print_one(&growing);
	else if (found < 0)
		fprintf(stderr, "qdm: %s\n", error.text);
	free(growing.where);
}

struct missing {
	const struct graph *graph;
};

static void say_missing(const char *node, void *with)
{
	const struct missing *missing = with;

	if (!graph_find(missing->graph, node))
		fprintf(stderr, "qdm: %s: it has a line, but there is no such device\n",
			node);
}

int show_all_growing(const struct graph *graph, const struct options *options)
{
	struct json_object *list = json_object_new_array();
	struct missing missing = { graph };
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (grow_is_threshold(&graph->node[i]))
			add_to_list(list, graph, graph->node[i].dev.name,
				    options);
	conf_each(say_missing, &missing);
	if (options->json)
		people_print_json(list);
	json_object_put(list);
	return 0;
}
