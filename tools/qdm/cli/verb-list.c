// SPDX-License-Identifier: GPL-2.0-or-later
/* qdm list: one line a node; qdm watch: their I/O, live. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/size.h"
#include "cli/verbs.h"
#include "cli/words.h"

static void print_children(struct json_object *node)
{
	struct json_object *children, *one;
	size_t i;

	if (!json_object_object_get_ex(node, "children", &children))
		return;
	for (i = 0; i < json_object_array_length(children); i++) {
		one = json_object_array_get_idx(children, i);
		printf("%s%s", i ? "," : "",
		       json_string(one, "node-name",
				   json_string(one, "filename", "?")));
	}
}

static void print_node(struct json_object *node)
{
	char size[SIZE_TEXT];

	printf("%-32s %-9s %6s ", json_string(node, "node-name", ""),
	       json_string(node, "kind", ""),
	       size_text(size, people_number(node, "size")));
	print_children(node);
	if (json_string(node, "dropped-from", NULL))
		printf("  dropped by %s",
		       json_string(node, "dropped-from", ""));
	putchar('\n');
}

int verb_list(int argc, char **argv, struct error *error)
{
	struct json_object *nodes;
	struct options options;
	size_t i;

	if (options_read(&options, argc, argv, "--json", error))
		return -1;
	if (options.nr)
		return misuse(error, "list: '%s' is unexpected",
			      options.word[0]);
	nodes = people_ask("query-named-block-nodes", NULL, NULL, error);
	if (!nodes)
		return -1;
	if (options.json)
		people_print_json(nodes);
	for (i = 0; !options.json && i < json_object_array_length(nodes); i++)
		print_node(json_object_array_get_idx(nodes, i));
	json_object_put(nodes);
	return 0;
}

/*
 * Watching
 */

static struct json_object *ask_stats(struct error *error)
{
	struct json_object *args = json_object_new_object();

	json_put_bool(args, "query-nodes", true);
	return people_ask("query-blockstats", args, NULL, error);
}

static struct json_object *find_node(struct json_object *list,
				     const char *name)
{
	struct json_object *one;
	size_t i;

	for (i = 0; list && i < json_object_array_length(list); i++) {
		one = json_object_array_get_idx(list, i);
		if (!strcmp(json_string(one, "node-name", ""), name))
			return one;
	}
	return NULL;
}

static unsigned long long figure(struct json_object *node, const char *key)
{
	struct json_object *stats;

	if (!node || !json_object_object_get_ex(node, "stats", &stats))
		return 0;
	return people_number(stats, key);
}

/* Since the last round, a second ago; for a new node since it was made. */
static unsigned long long rate(struct json_object *then,
			       struct json_object *now, const char *key)
{
	unsigned long long before = figure(then, key);
	unsigned long long after = figure(now, key);

	return then && after >= before ? after - before : 0;
}

static unsigned long long waiting(struct json_object *node)
{
	return people_number(node, "read-waiting") +
	       people_number(node, "write-waiting") +
	       people_number(node, "writers-waiting");
}

static void print_waiting(struct json_object *node)
{
	unsigned long long total = people_number(node, "bytes-total");

	printf(" %8llu", waiting(node));
	if (total)
		printf("  %s %llu%%", json_string(node, "state", ""),
		       people_number(node, "bytes-done") * 100 / total);
	else if (json_string(node, "state", NULL))
		printf("  %s", json_string(node, "state", ""));
	if (strcmp(json_string(node, "error", "-"), "-"))
		printf(", error %s", json_string(node, "error", ""));
	putchar('\n');
}

static void print_rates(struct json_object *then, struct json_object *now,
			struct json_object *node)
{
	char read[SIZE_TEXT], written[SIZE_TEXT];

	printf("%-32s %8llu %8s %8llu %8s",
	       json_string(now, "node-name", ""),
	       rate(then, now, "rd_operations"),
	       size_text(read, rate(then, now, "rd_bytes")),
	       rate(then, now, "wr_operations"),
	       size_text(written, rate(then, now, "wr_bytes")));
	print_waiting(node);
}

/* One line with all nodes, for programs. */
static void add_rates(struct json_object *round, struct json_object *then,
		      struct json_object *now, struct json_object *node)
{
	static const char * const keys[][2] = {
		{ "reads-per-second", "rd_operations" },
		{ "read-bytes-per-second", "rd_bytes" },
		{ "writes-per-second", "wr_operations" },
		{ "written-bytes-per-second", "wr_bytes" },
	};
	struct json_object *one = json_object_new_object();
	size_t i;

	json_put_string(one, "node-name", json_string(now, "node-name", ""));
	for (i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		json_put_number(one, keys[i][0], rate(then, now, keys[i][1]));
	json_put_number(one, "waiting", waiting(node));
	if (json_string(node, "state", NULL))
		json_put_string(one, "state", json_string(node, "state", ""));
	if (people_number(node, "bytes-total")) {
		json_put_number(one, "bytes-done",
				people_number(node, "bytes-done"));
		json_put_number(one, "bytes-total",
				people_number(node, "bytes-total"));
	}
	json_object_array_add(round, one);
}

static void print_head(const struct options *options)
{
	if (options->json)
		return;
	if (isatty(STDOUT_FILENO))
		printf("\033[H\033[J");
	printf("%-32s %8s %8s %8s %8s %8s\n", "", "reads/s", "read/s",
	       "writes/s", "written/s", "waiting");
}

static int print_round(struct json_object *then, struct json_object *now,
		       const struct options *options, struct error *error)
{
	struct json_object *nodes = people_ask("query-named-block-nodes", NULL,
					       NULL, error);
	struct json_object *round = json_object_new_array();
	struct json_object *one, *node, *before;
	size_t i;

	print_head(options);
	for (i = 0; nodes && i < json_object_array_length(now); i++) {
		one = json_object_array_get_idx(now, i);
		node = find_node(nodes, json_string(one, "node-name", ""));
		before = find_node(then, json_string(one, "node-name", ""));
		if (node && options->json)
			add_rates(round, before, one, node);
		else if (node)
			print_rates(before, one, node);
	}
	if (nodes && options->json)
		puts(json_object_to_json_string_ext(round, JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
	json_object_put(round);
	json_object_put(nodes);
	return nodes ? 0 : -1;
}

/* With --once a single round, for scripts. */
int verb_watch(int argc, char **argv, struct error *error)
{
	struct json_object *then, *now;
	struct options options;
	int result = 0;

	if (options_read(&options, argc, argv, "--once --json", error))
		return -1;
	if (options.nr)
		return misuse(error, "watch: '%s' is unexpected",
			      options.word[0]);
	then = ask_stats(error);
	while (then && !result) {
		sleep(1);
		now = ask_stats(error);
		if (!now)
			break;
		result = print_round(then, now, &options, error);
		json_object_put(then);
		then = now;
		if (options.once)
			break;
	}
	json_object_put(then);
	return error->class ? -1 : 0;
}
