// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Deletion of concluded jobs with auto-dismiss (graph/job-memory.c): the server finds
 * them, and a child of it deletes their nodes.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "edit/edit.h"
#include "graph/job-memory.h"
#include "graph/job.h"
#include "plan/log.h"
#include "server/job-ends.h"

/* Seconds before a failed deletion is tried again, at first and at most. */
#ifndef TIDY_PAUSE
#define TIDY_PAUSE	5
#endif
#define TIDY_PAUSE_MAX	640

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

void jobs_let_go(const void *edit, bool failed)
{
	struct kept_job *memory;
	size_t i;

	for (i = 0; i < kept_jobs_nr; i++) {
		memory = &kept_jobs[i];
		if (memory->keeper == edit)
			memory->keeper = NULL;
		if (memory->tidier != edit)
			continue;
		memory->tidier = NULL;
		memory->pause = !failed ? 0 :
				memory->pause < TIDY_PAUSE_MAX ?
				memory->pause * 2 + TIDY_PAUSE : TIDY_PAUSE_MAX;
		memory->again = failed ? now() + memory->pause : 0;
	}
}

static int take_away(const char *name, struct error *error)
{
	struct plan plan = { 0 };
	struct graph graph;
	int result;

	if (graph_read(&graph, error))
		return -1;
	result = edit_take_out(&graph, name, &plan, error);
	if (!result)
		result = plan_run(&plan, error);
	plan_free(&plan);
	graph_free(&graph);
	return result;
}

static bool look_concluded(struct job *job, const char *name)
{
	return job_look(job, name) > 0 && !strcmp(job->state, "concluded");
}

/* The job cannot be queried after its filter is deleted, so a failure is logged. */
static void log_end(const struct job *job)
{
	char *words = job_failed(job) ?
		      print("%s, which has failed: %s", job->node,
			    job_error_text(job)) : copy(job->node);

	log_command("end of backup", words);
	free(words);
}

/* The previous holder of the lock may have begun another job there. */
static bool is_to_be_deleted(struct job *job, const char *node)
{
	const struct kept_job *memory = job_recall(node);

	return look_concluded(job, node) &&
	       (!memory || !memory->tidier || job_is_same(job, &memory->over));
}

int job_tidy(const char *node, struct error *error)
{
	int result = edit_lock(error);
	struct job job;

	if (result)
		return result;
	if (is_to_be_deleted(&job, node)) {
		log_end(&job);
		result = take_away(node, error);
	}
	edit_unlock();
	return result;
}

static bool is_to_go(struct kept_job *memory)
{
	return memory->auto_dismiss && !memory->tidier && !memory->keeper &&
	       memory->again <= now() &&
	       look_concluded(&memory->over, memory->node);
}

char *job_to_tidy(const void *tidier)
{
	size_t i = kept_jobs_nr;

	while (i--) {
		if (is_to_go(&kept_jobs[i])) {
			kept_jobs[i].tidier = tidier;
			return copy(kept_jobs[i].node);
		}
		if (!kept_jobs[i].keeper && job_is_gone(kept_jobs[i].node))
			job_forget(kept_jobs[i].node);
	}
	return NULL;
}

bool jobs_wait_to_go(void)
{
	size_t i;

	for (i = 0; i < kept_jobs_nr; i++)
		if (kept_jobs[i].again)
			return true;
	return false;
}
