// SPDX-License-Identifier: GPL-2.0-or-later
/* Failed and unguarded backups. */
#include <string.h>
#include <sys/utsname.h>

#include "cli/doctor/check.h"
#include "cli/verbs.h"
#include "graph/graph.h"
#include "graph/job.h"
#include "graph/resolve.h"
#include "kernel/targets.h"

/* Its copy is no backup, and its failure may not have been noticed. */
static void check_failed(struct check *check, const struct job *job)
{
	if (!job_failed(job))
		return;
	if (!strcmp(job->state, "paused"))
		say(check, TROUBLE, "backup '%s' has stopped: %s (job-resume continues it after a repair, qdm remove --cancel %s ends it)",
		    job->id, job_error_text(job), job->node);
	else
		say(check, TROUBLE, "backup '%s' has failed: %s; its copy is not complete (qdm remove %s, and begin it again)",
		    job->id, job_error_text(job), job->node);
}

/* The backup is complete, but writes of the device's users have failed for it. */
static void check_lost_writes(struct check *check, const struct job *job)
{
	if (job->lost_writes)
		say(check, TROUBLE, "backup '%s' has made %llu writes to its device fail, the first with %s: their old data could not be copied (on-cbw-error break-guest-write)",
		    job->id, (unsigned long long)job->lost_writes,
		    job->lost_error);
}

/*
 * A line of an older qdm: a table that bypasses it would go unnoticed, and the copy be
 * wrong.
 */
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

void check_backup(struct check *check, const struct node *node)
{
	struct job job;

	if (!node->dev.live || !job_of_node(&job, node))
		return;
	check_failed(check, &job);
	check_lost_writes(check, &job);
	check_guard(check, node, &job);
}
