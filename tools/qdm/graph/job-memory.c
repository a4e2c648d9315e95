// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Job settings that this process remembers: auto-finalize and auto-dismiss, which the
 * kernel cannot store. They exist as long as this process; after that a job stays
 * concluded until it is dismissed. In a server children make the edits: they send their
 * settings to the server before they change anything, and the server keeps them at
 * least until the child has ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/job-memory.h"

struct kept_job *kept_jobs;
size_t kept_jobs_nr;

static tell_memory_fn *tell_memory;
static void *tell_context;

struct kept_job *job_recall(const char *node)
{
	size_t i;

	for (i = 0; i < kept_jobs_nr; i++)
		if (!strcmp(kept_jobs[i].node, node))
			return &kept_jobs[i];
	return NULL;
}

void jobs_tell_memory(tell_memory_fn *tell, void *context)
{
	tell_memory = tell;
	tell_context = context;
}

static void tell(const struct kept_job *memory)
{
	struct job_memory told = {
		.auto_finalize = memory->auto_finalize,
		.auto_dismiss = memory->auto_dismiss,
		.finalized = memory->finalized,
		.given_up = memory->given_up,
	};

	snprintf(told.node, sizeof(told.node), "%s", memory->node);
	strcpy(told.as, memory->as);
	if (tell_memory)
		tell_memory(tell_context, &told);
}

static struct kept_job *remember(const char *node)
{
	job_forget(node);
	kept_jobs = more(kept_jobs, kept_jobs_nr, sizeof(*kept_jobs));
	kept_jobs[kept_jobs_nr] = (struct kept_job){ .node = copy(node) };
	return &kept_jobs[kept_jobs_nr++];
}

void job_remember(const char *node, bool auto_finalize, bool auto_dismiss)
{
	struct kept_job *memory = remember(node);

	memory->auto_finalize = auto_finalize;
	memory->auto_dismiss = auto_dismiss;
	tell(memory);
}

void node_remember_as(const char *node, const char *as)
{
	struct kept_job *memory = remember(node);

	snprintf(memory->as, sizeof(memory->as), "%s", as);
	tell(memory);
}

const char *node_known_as(const char *node)
{
	const struct kept_job *memory = job_recall(node);

	return memory && *memory->as ? memory->as : node;
}

void job_hear_memory(const struct job_memory *told, const void *keeper)
{
	struct kept_job *memory = remember(told->node);

	memory->auto_finalize = told->auto_finalize;
	memory->auto_dismiss = told->auto_dismiss;
	memory->finalized = told->finalized;
	memory->given_up = told->given_up;
	strcpy(memory->as, told->as);
	memory->keeper = keeper;
}

void job_forget_gone(const char *node)
{
	const struct kept_job *memory = job_recall(node);

	if (memory && !memory->keeper)
		job_forget(node);
}

void job_forget(const char *node)
{
	struct kept_job *memory = job_recall(node);

	if (!memory)
		return;
	free(memory->node);
	*memory = kept_jobs[--kept_jobs_nr];
	if (kept_jobs_nr)
		return;
	free(kept_jobs);
	kept_jobs = NULL;
}

bool job_finalize(const char *node)
{
	struct kept_job *memory = job_recall(node);

	if (!memory)
		return false;
	memory->finalized = true;
	tell(memory);
	return true;
}

void job_give_up(const char *node)
{
	struct kept_job *memory = job_recall(node);

	if (!memory)
		return;
	memory->finalized = true;
	memory->given_up = true;
	tell(memory);
}

bool job_auto_finalize(const char *node)
{
	const struct kept_job *memory = job_recall(node);

	return !memory || memory->auto_finalize;
}

bool job_auto_dismiss(const char *node)
{
	const struct kept_job *memory = job_recall(node);

	return memory && memory->auto_dismiss;
}

void jobs_forget(void)
{
	while (kept_jobs_nr)
		job_forget(kept_jobs[0].node);
}
