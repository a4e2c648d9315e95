// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Properties and state of a node as one JSON object, from its table and its status
 * line, whose positions are documented and only ever appended to. The tree, its JSON
 * and query-named-block-nodes all print from this object.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "graph/describe.h"
#include "graph/dropped.h"
#include "graph/resolve.h"
#include "kernel/groups.h"

#define SECTOR	512

/* The names of a status line's words, in order. */
static const char * const throttle_words[] = {
	"throttle-group",
	"read-waiting", "read-delayed", "read-delayed-bytes", "read-delay-ns",
	"read-longest-ns", "read-full-bps", "read-full-iops",
	"write-waiting", "write-delayed", "write-delayed-bytes",
	"write-delay-ns", "write-longest-ns", "write-full-bps",
	"write-full-iops", NULL
};

static const char * const threshold_words[] = {
	"state", "write-threshold", "amount-exceeded", "high-water",
	"event-seq", "fired-at", NULL
};

static const char * const backup_words[] = {
	"state", "clusters", "bytes", "error", "snapshot", "io-status",
	"in-flight", "writers-waiting", "held", "event-seq",
	"write-errors", "write-error", "run", "begun", "guard", NULL
};

static const struct {
	const char *type;
	const char * const *words;
} statuses[] = {
	{ "qthrottle", throttle_words },
	{ "wthreshold", threshold_words },
	{ "backupcow", backup_words },
};

/* A word done/total becomes two members. */
static bool put_progress(struct json_object *object, const char *key,
			 const char *word)
{
	unsigned long long done, total;
	char name[64];
	char rest;

	if (!strchr(word, '/') ||
	    sscanf(word, "%llu/%llu%c", &done, &total, &rest) != 2)
		return false;
	snprintf(name, sizeof(name), "%s-done", key);
	json_object_object_add(object, name, json_object_new_uint64(done));
	snprintf(name, sizeof(name), "%s-total", key);
	json_object_object_add(object, name, json_object_new_uint64(total));
	return true;
}

static void put_word(struct json_object *object, const char *key,
		     const char *word)
{
	char *end;
	unsigned long long value = strtoull(word, &end, 10);

	if (*word >= '0' && *word <= '9' && !*end)
		json_put_number(object, key, value);
	else if (!put_progress(object, key, word))
		json_put_string(object, key, word);
}

static void put_words(struct json_object *object, const char * const *keys,
		      const char *text)
{
	char *words = copy(text);
	char *save = NULL;
	char *word = strtok_r(words, " ", &save);

	for (; *keys && word; keys++) {
		put_word(object, *keys, word);
		word = strtok_r(NULL, " ", &save);
	}
	free(words);
}

static void put_status(struct json_object *object, const char *name)
{
	struct error ignored = { 0 };
	struct kdm_table status;
	size_t i;

	if (kdm_status(name, &status, &ignored) || !status.nr)
		return;
	for (i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (!strcmp(status.line[0].type, statuses[i].type))
			put_words(object, statuses[i].words,
				  status.line[0].params);
	json_put_string(object, "status", status.line[0].params);
	kdm_table_free(&status);
}

/* A private group's limits are in its table line, after <#opts>. */
static void read_table_limits(const char *params, struct limits *limits)
{
	struct error ignored = { 0 };
	char *words = copy(params);
	char *save = NULL;
	char *word = strtok_r(words, " ", &save);
	char *value;
	int at;

	for (at = 0; word && at < 4; at++)
		word = strtok_r(NULL, " ", &save);
	while (word) {
		value = strtok_r(NULL, " ", &save);
		if (value && strcmp(word, "weight"))
			limits_set(limits, word, strtoll(value, NULL, 10),
				   &ignored);
		word = strtok_r(NULL, " ", &save);
	}
	free(words);
}

const char *discard_in(const char *params, const char *none)
{
	static char word[16];
	const char *at = strstr(params, " discard ");

	return at && sscanf(at, " discard %15s", word) == 1 ? word : none;
}

/* Limits that cannot be read, such as without configfs, are shown as unknown. */
static void put_limits(struct json_object *object, const char *group,
		       const char *params)
{
	struct json_object *shown;
	struct error ignored = { 0 };
	struct limits limits, none;
	int i;

	limits_init(&none);
	limits_init(&limits);
	if (!strcmp(group, "-"))
		read_table_limits(params, &limits);
	else if (group_read_limits(group, &limits, &ignored))
		return;
	shown = json_object_new_object();
	for (i = 0; i < LIMITS_NR; i++)
		if (limits.value[i] != none.value[i])
			json_put_number(shown, limit_names[i],
					limits.value[i]);
	json_put(object, "limits", shown);
}

/* The last part of the link is the name; the kernel writes a slash as '!'. */
void describe_leaf(struct devno devno, char *path, size_t len)
{
	char link[64], to[256];
	ssize_t got;
	char *at;

	snprintf(path, len, "%u:%u", devno.major, devno.minor);
	snprintf(link, sizeof(link), "/sys/dev/block/%s", path);
	got = readlink(link, to, sizeof(to) - 1);
	if (got <= 0)
		return;
	to[got] = '\0';
	at = strrchr(to, '/');
	snprintf(path, len, "/dev/%s", at ? at + 1 : to);
	for (at = path; (at = strchr(at, '!'));)
		*at = '/';
}

/* As blockdev-replace takes it: a device has one child in QEMU, its root. */
const char *describe_edge(const struct node *node, size_t at)
{
	if (node->kind == KIND_BACKUP && at)
		return "target";
	return node->kind == KIND_DEVICE ? "root" : "file";
}

static struct json_object *describe_child(const struct graph *graph,
					  const struct node *node, size_t at)
{
	struct json_object *child = json_object_new_object();
	struct node *below = graph_at(graph, node->below[at]);
	char path[128];

	json_put_string(child, "child", describe_edge(node, at));
	if (below) {
		json_put_string(child, "node-name", node_name(&below->dev));
	} else {
		describe_leaf(node->below[at], path, sizeof(path));
		json_put_string(child, "filename", path);
	}
	return child;
}

static void put_children(struct json_object *object,
			 const struct graph *graph, const struct node *node)
{
	struct json_object *children = json_object_new_array();
	size_t i;

	for (i = 0; i < node->nr_below; i++)
		json_object_array_add(children,
				      describe_child(graph, node, i));
	json_put(object, "children", children);
}

/*
 * Members about the page cache, which is above device-mapper. They are the same for all
 * nodes and kept: making them took about seven percent of a large reply.
 */
static void put_cache(struct json_object *object)
{
	static struct json_object *cache;

	if (!cache) {
		cache = json_object_new_object();
		json_put_bool(cache, "writeback", true);
		json_put_bool(cache, "direct", true);
		json_put_bool(cache, "no-flush", false);
	}
	json_put(object, "cache", json_object_get(cache));
}

void describe_threshold(const struct graph *graph, const struct node *node,
			struct threshold *threshold)
{
	const struct node *filter = find_threshold(graph, node);
	unsigned long long at = 0, mark = 0;
	struct error ignored = { 0 };
	struct kdm_table status;

	if (filter && !kdm_status(filter->dev.name, &status, &ignored)) {
		if (status.nr)
			sscanf(status.line[0].params, "%*s %llu %*s %llu", &at,
			       &mark);
		kdm_table_free(&status);
	}
	threshold->at = at;
	threshold->mark = mark;
}

/* Members that clients of QEMU expect in a node; most have no meaning here. */
static void put_qemu_members(struct json_object *object,
			     const struct graph *graph,
			     const struct node *node, const char *path)
{
	static const char * const zeros[] = {
		"bps", "bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr",
		"backing_file_depth",
	};
	struct json_object *zero = json_object_new_uint64(0);
	struct json_object *image = json_object_new_object();
	struct threshold threshold;
	size_t i;

	json_put_bool(object, "encrypted", false);
	json_put_string(object, "detect_zeroes", "off");
	for (i = 0; i < sizeof(zeros) / sizeof(*zeros); i++)
		json_put(object, zeros[i], json_object_get(zero));
	json_object_put(zero);
	describe_threshold(graph, node, &threshold);
	json_put_number(object, "write_threshold", threshold.at);
	json_put_string(image, "filename", path);
	json_put_string(image, "format", kind_driver(node->kind));
	json_put_number(image, "actual-size", 0);
	json_put_bool(image, "dirty-flag", false);
	json_put_number(image, "virtual-size",
			kdm_table_len(&node->table) * SECTOR);
	json_put(object, "image", image);
	put_cache(object);
	json_put_bool(object, "active", true);
}

struct json_object *describe_node(const struct graph *graph,
				  const struct node *node)
{
	struct json_object *object = json_object_new_object();
	const struct node *dropped;
	const char *group;
	char path[32];

	json_put_string(object, "node-name", node_name(&node->dev));
	json_put_string(object, "kind", kind_word(node->kind));
	json_put_string(object, "drv", kind_driver(node->kind));
	json_put_string(object, "target",
			node->table.nr ? node->table.line[0].type : "none");
	json_put_bool(object, "ro", node->dev.read_only);
	snprintf(path, sizeof(path), "/dev/dm-%u", node->dev.devno.minor);
	json_put_string(object, "file", path);
	json_put_number(object, "size", kdm_table_len(&node->table) * SECTOR);
	if (node->dev.suspended)
		json_put_bool(object, "suspended", true);
	dropped = node->kind != KIND_ROOT ? dropped_from(graph, node) : NULL;
	if (dropped)
		json_put_string(object, "dropped-from", dropped->dev.name);
	if (node->table.nr && kind_of_target(node->table.line[0].type) !=
	    KIND_DEVICE)
		put_status(object, node->dev.name);
	group = json_string(object, "throttle-group", NULL);
	if (group)
		put_limits(object, group, node->table.line[0].params);
	if (group || node->kind == KIND_THRESHOLD)
		json_put_string(object, "discard",
				discard_in(node->table.nr ?
					   node->table.line[0].params : "",
					   group ? "ops" : "ignore"));
	put_qemu_members(object, graph, node, path);
	put_children(object, graph, node);
	return object;
}

struct json_object *describe_all(const struct graph *graph)
{
	struct json_object *all = json_object_new_array();
	size_t i;

	for (i = 0; i < graph->nr; i++)
		json_object_array_add(all,
				      describe_node(graph, &graph->node[i]));
	return all;
}
