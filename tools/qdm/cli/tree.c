// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm tree: every device with no dm device on top of it, and the devices beneath, each
 * with its main properties.
 */
#include <string.h>

#include "base/json.h"
#include "base/size.h"
#include "cli/tree.h"
#include "cli/words.h"
#include "graph/describe.h"

#define NAME_COLUMN	32

static void print_size(FILE *out, unsigned long long bytes)
{
	char text[SIZE_TEXT];

	fputs(size_text(text, bytes), out);
}

static unsigned long long number(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		return 0;
	return json_object_get_uint64(value);
}

static void print_throttle(FILE *out, struct json_object *node)
{
	struct json_object *limits;
	const char *group = json_string(node, "throttle-group", "-");

	fprintf(out, ", %s%s", strcmp(group, "-") ? "group " : "private limits",
		strcmp(group, "-") ? group : "");
	if (json_object_object_get_ex(node, "limits", &limits))
		people_print_limits(out, limits);
	else
		fputs(" limits unknown", out);
	fprintf(out, ", %llu waiting", number(node, "read-waiting") +
		number(node, "write-waiting"));
}

static void print_threshold(FILE *out, struct json_object *node)
{
	unsigned long long at = number(node, "write-threshold");

	fprintf(out, ", %s", json_string(node, "state", "?"));
	if (at) {
		fputs(" at ", out);
		print_size(out, at);
	}
	fputs(", written up to ", out);
	print_size(out, number(node, "high-water"));
}

static void print_backup(FILE *out, struct json_object *node)
{
	unsigned long long done = number(node, "bytes-done");
	unsigned long long total = number(node, "bytes-total");

	fprintf(out, ", %s", json_string(node, "state", "?"));
	if (total) {
		fprintf(out, " %llu%% (", done * 100 / total);
		print_size(out, done);
		fputs(" of ", out);
		print_size(out, total);
		putc(')', out);
	}
	fprintf(out, ", %s", json_string(node, "snapshot", "?"));
	if (strcmp(json_string(node, "error", "-"), "-"))
		fprintf(out, ", error %s", json_string(node, "error", ""));
	if (number(node, "writers-waiting"))
		fprintf(out, ", %llu writers waiting",
			number(node, "writers-waiting"));
}

/* By the actual table, which dmsetup may have changed in any node. */
static void print_details(FILE *out, const struct node *node,
			  struct json_object *object)
{
	enum kind kind = kind_of_target(json_string(object, "target", ""));
	bool known = json_string(object, "status", NULL);

	if (known && kind == KIND_THROTTLE)
		print_throttle(out, object);
	else if (known && kind == KIND_THRESHOLD)
		print_threshold(out, object);
	else if (known && kind == KIND_BACKUP)
		print_backup(out, object);
	if (kind != node->kind && kind_target(node->kind))
		fprintf(out, ", NO LONGER a %s", kind_word(node->kind));
	if (json_string(object, "dropped-from", NULL))
		fprintf(out, ", DROPPED by '%s', which was given another table by LVM or dmsetup",
			json_string(object, "dropped-from", ""));
	if (node->dev.read_only)
		fputs(", read-only", out);
	if (node->dev.suspended)
		fputs(", SUSPENDED", out);
}

static void print_name(FILE *out, const char *name, int depth)
{
	int room = NAME_COLUMN - 2 * depth;

	fprintf(out, "%*s%-*s ", 2 * depth, "", room > 0 ? room : 0, name);
}

static void print_node(FILE *out, const struct graph *graph,
		       const struct node *node, int depth)
{
	struct json_object *object = describe_node(graph, node);

	print_name(out, node->dev.name, depth);
	fprintf(out, "%-9s ", kind_word(node->kind));
	print_size(out, number(object, "size"));
	fprintf(out, " %s", json_string(object, "target", ""));
	print_details(out, node, object);
	putc('\n', out);
	json_object_put(object);
}

static void print_under(FILE *out, const struct graph *graph,
			const struct node *node, int depth)
{
	const struct node *below;
	char path[128];
	size_t i;

	print_node(out, graph, node, depth);
	for (i = 0; i < node->nr_below; i++) {
		below = graph_at(graph, node->below[i]);
		if (below) {
			print_under(out, graph, below, depth + 1);
			continue;
		}
		describe_leaf(node->below[i], path, sizeof(path));
		fprintf(out, "%*s%s\n", 2 * (depth + 1), "", path);
	}
}

void tree_print(const struct graph *graph, FILE *out)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (!graph_above(graph, graph->node[i].dev.devno))
			print_under(out, graph, &graph->node[i], 0);
}

void tree_print_json(const struct graph *graph, FILE *out)
{
	struct json_object *all = describe_all(graph);

	fprintf(out, "%s\n",
		json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(all);
}
