// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Filters that LVM has dropped or left behind (graph/dropped.c) still exist, with
 * limits and levels. Dropped filters are put back over the device's new table and
 * length; filters and roots without their device are removed.
 *
 * A backup is never put back: writes have bypassed it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/pause.h"
#include "edit/edit.h"
#include "edit/put-back.h"
#include "graph/dropped.h"
#include "graph/job.h"
#include "plan/log.h"

#define TRIES		60
#define PAUSE_MS	50

int edit_put_back(const struct graph *graph, const char *name,
		  struct plan *plan, struct error *error)
{
	const struct node *device = graph_find(graph, name);
	const struct node *root = device ? find_dropped(graph, device) : NULL;
	const struct node *filter = root, *top = root;
	uint64_t len;

	if (!root)
		return refuse(error, "nothing was dropped from '%s'", name);
	if (edit_refresh(graph, device, root, plan, error))
		return -1;
	len = kdm_table_len(&device->table);
	while ((filter = only_above(graph, filter))) {
		if (!comes_back(filter))
			continue;
		if (edit_follow(filter, top, len, plan, error))
			return -1;
		top = filter;
	}
	edit_lay_on(graph, device, top, root, plan);
	return 0;
}

int put_back_dropped(const char *name, struct error *error)
{
	struct plan plan = { 0 };
	struct graph graph;
	int result;

	if (graph_read(&graph, error))
		return -1;
	result = edit_put_back(&graph, name, &plan, error);
	if (!result)
		result = plan_run(&plan, error);
	graph_free(&graph);
	plan_free(&plan);
	return result;
}

/*
 * Without their device
 */

/* The kernel announces a device's removal before it closes the devices beneath. */
static int take_down(const char *name, struct error *error)
{
	struct error failed = { 0 };
	struct kdm_device device;
	int tries = TRIES;

	while (tries--) {
		if (kdm_find(name, &device, &failed) != 1)
			return 0;
		if (!device.open_count && !kdm_remove(name, &failed))
			return 0;
		pause_ms(PAUSE_MS);
	}
	return refuse(error, "'%s' has lost its device and cannot be removed: %s",
		      name, *failed.text ? failed.text : "it is open");
}

/*
 * The filter is the only record of a backup; the log keeps that the backup is
 * incomplete.
 */
static void log_backup(const char *name)
{
	struct error error = { 0 };
	struct job job;

	if (job_look(&job, name) < 1 || job_cancelled(&job))
		return;
	if (job_failed(&job))
		refuse(&error, "backup '%s' has failed: %s; its device has been removed since",
		       job.id, job_error_text(&job));
	else if (strcmp(job.state, "concluded"))
		refuse(&error, "backup '%s' was not over when its device was removed",
		       job.id);
	if (error.class)
		log_refused(&error);
}

/* From the top down; a backup's job ends with its filter. */
static int take_down_over(const struct graph *graph, const struct node *node,
			  struct error *error)
{
	int result = 0;
	size_t i;

	for (i = 0; i < graph->nr && !result; i++)
		if (node_uses(&graph->node[i], node->dev.devno))
			result = take_down_over(graph, &graph->node[i], error);
	if (!result && node->kind == KIND_BACKUP)
		log_backup(node->dev.name);
	return result ? result : take_down(node->dev.name, error);
}

static void log_lost(const char *name)
{
	char *text = print("the device of '%s' was removed, and so was the node, with all nodes on top of it",
			   name);

	log_mended(text);
	free(text);
}

int take_lost_down(const char *name, struct error *error)
{
	const struct node *root;
	struct graph graph;
	int result = 0;

	if (graph_read(&graph, error))
		return -1;
	root = graph_find(&graph, name);
	if (root && has_lost_device(&graph, root)) {
		result = take_down_over(&graph, root, error);
		if (result)
			log_refused(error);
		else
			log_lost(name);
	}
	graph_free(&graph);
	return result;
}
