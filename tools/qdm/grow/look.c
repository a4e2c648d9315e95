// SPDX-License-Identifier: GPL-2.0-or-later
/* The stack of a volume, and its current state. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "grow/fs.h"
#include "grow/grow.h"
#include "grow/memory.h"

/* Interval and number of searches for openers and for mounts in progress. */
#define UNSEEN_PAUSE_MS	20
#define UNSEEN_TRIES	100
#define MOUNT_TRIES	1000
#define SECTOR		512

bool grow_is_threshold(const struct node *node)
{
	return node->kind == KIND_THRESHOLD ||
	       (node->table.nr &&
		!strcmp(node->table.line[0].type, "wthreshold"));
}

static bool is_filter(const struct node *node)
{
	return node && node->kind != KIND_ROOT &&
	       (node->kind != KIND_DEVICE || grow_is_threshold(node));
}

static const struct node *filter_above(const struct graph *graph,
				       const struct node *node)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (node_passes_to(&graph->node[i], node->dev.devno) &&
		    (graph->node[i].kind == KIND_THROTTLE ||
		     grow_is_threshold(&graph->node[i])))
			return &graph->node[i];
	return NULL;
}

static void find_top(struct growing *growing, const struct graph *graph,
		     const struct node *node)
{
	const struct node *above;

	while ((above = filter_above(graph, node)))
		node = above;
	growing->top_at = node->dev.devno;
	snprintf(growing->top, sizeof(growing->top), "%s", node->dev.name);
}

static int find_volume(struct growing *growing, const struct graph *graph,
		       const struct node *node, struct error *error)
{
	const char *lowest = node->dev.name;

	while (is_filter(node)) {
		lowest = node->dev.name;
		node = node->nr_below ? graph_at(graph, node->below[0]) : NULL;
	}
	if (!node || strncmp(node->dev.uuid, "LVM-", 4))
		return refuse(error, "%s: it is on top of %s, which is no LVM volume; only a node over a volume can grow",
			      growing->node, node ? node->dev.name : "a disk");
	snprintf(growing->lowest, sizeof(growing->lowest), "%s", lowest);
	snprintf(growing->volume, sizeof(growing->volume), "%s",
		 node->dev.name);
	growing->volume_at = node->dev.devno;
	return 0;
}

int grow_find(struct growing *growing, const struct graph *graph,
	      const char *name, struct error *error)
{
	const struct node *node = graph_find(graph, name);

	if (name != growing->node)
		snprintf(growing->node, sizeof(growing->node), "%s", name);
	growing->gone = !node;
	if (!node)
		return refuse(error, "%s: no such device", name);
	growing->node_at = node->dev.devno;
	if (!grow_is_threshold(node))
		return refuse(error, "%s: it is no write-threshold node", name);
	find_top(growing, graph, node);
	return find_volume(growing, graph, node, error);
}

const struct node *grow_node(const struct graph *graph,
			     const struct node *device)
{
	const struct node *node = device;

	while (node && !grow_is_threshold(node))
		node = filter_above(graph, node);
	return node;
}

/* The @nr-th number, from 0, in a file of the device's sysfs folder. */
static bool read_sysfs(struct devno devno, const char *file, int nr,
		       uint64_t *value)
{
	const char *sysfs = getenv("QDM_SYSFS");
	char *path = print("%s/dev/block/%u:%u/%s", sysfs ? sysfs : "/sys",
			   devno.major, devno.minor, file);
	FILE *from = fopen(path, "re");
	unsigned long long number = 0;
	bool good = from;

	free(path);
	while (good && nr-- >= 0)
		good = fscanf(from, "%llu", &number) == 1;
	if (from)
		fclose(from);
	*value = number;
	return good;
}

bool read_bytes(struct devno devno, uint64_t *bytes)
{
	if (!read_sysfs(devno, "size", 0, bytes))
		return false;
	*bytes *= SECTOR;
	return true;
}

uint64_t written_to(const struct growing *growing)
{
	uint64_t sectors = 0;

	read_sysfs(growing->node_at, "stat", 6, &sectors);
	return sectors * SECTOR;
}

static int read_threshold(struct growing *growing, struct error *error)
{
	unsigned long long threshold, mark;
	struct kdm_table status;
	int found;

	if (kdm_status(growing->node, &status, error))
		return -1;
	found = status.nr ? sscanf(status.line[0].params, "%15s %llu %*u %llu",
				   growing->state, &threshold, &mark) : 0;
	kdm_table_free(&status);
	if (found != 3)
		return refuse(error, "%s: it is no write-threshold node",
			      growing->node);
	growing->threshold = threshold;
	growing->view.mark = mark;
	return 0;
}

static bool is_mounted(const struct growing *growing, struct grow_view *view,
		       bool *read_only)
{
	struct mounted mounted;
	bool found;

	fs_find_mount(growing->top_at, &mounted);
	found = fs_look(&mounted, growing->top_at, view);
	*read_only = mounted.read_only;
	fs_release(&mounted);
	return found;
}

static enum grow_users find_users(const struct growing *growing)
{
	struct error ignored = { 0 };
	struct kdm_device top;

	if (kdm_find(growing->top, &top, &ignored) != 1)
		return USERS_NONE;
	return fs_users(growing->top_at, top.open_count);
}

/*
 * An opener that is not found may have closed the device meanwhile, or be mounting it,
 * which is visible only when it is done; so the search is repeated. A mount that first
 * replays a journal takes longer.
 */
static bool is_unclear(const struct growing *growing, struct grow_view *view)
{
	bool read_only;

	if (is_mounted(growing, view, &read_only))
		return false;
	view->users = read_only ? USERS_NONE : find_users(growing);
	return view->users == USERS_UNSEEN;
}

static void look_inside(struct growing *growing)
{
	const struct timespec pause = { .tv_nsec = UNSEEN_PAUSE_MS * 1000000 };
	struct grow_view *view = &growing->view;
	int tries = 0;

	view->has_fs = false;
	while (is_unclear(growing, view) && tries++ < MOUNT_TRIES &&
	       (tries <= UNSEEN_TRIES || fs_is_mounting()))
		nanosleep(&pause, NULL);
	if (!view->mounted && view->users < USERS_UNSEEN)
		view->has_fs = fs_probe(growing->top_at, &view->fs_size);
}

int grow_look(struct growing *growing, struct error *error)
{
	struct grow_view *view = &growing->view;

	if (!read_bytes(growing->node_at, &view->size) ||
	    !read_bytes(growing->volume_at, &view->volume))
		return refuse(error, "%s: it was removed meanwhile", growing->node);
	if (read_threshold(growing, error))
		return -1;
	look_inside(growing);
	return 0;
}
