/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Job settings that this process remembers; see job-memory.c. */
#ifndef QDM_GRAPH_JOB_MEMORY_H
#define QDM_GRAPH_JOB_MEMORY_H

#include <time.h>

#include "graph/job.h"

/*
 * The end of a job. The server remembers it, as the kernel cannot store it, and may
 * lose it: a job without settings waits for job-dismiss.
 */
struct kept_job {
	char *node;
	bool auto_finalize;
	bool auto_dismiss;
	bool finalized;
	bool given_up;
	char as[KDM_NAME_LEN];
	const void *keeper;	/* the edit in progress that has set this */
	const void *tidier;	/* the edit in progress that deletes it */
	struct job over;	/* the job that it deletes */
	time_t again;		/* when a failed deletion is tried again */
	unsigned int pause;	/* and after how many seconds */
};

/* All volumes */
extern struct kept_job *kept_jobs;
extern size_t kept_jobs_nr;

/* NULL for a job without settings. */
struct kept_job *job_recall(const char *node);
void job_remember(const char *node, bool auto_finalize, bool auto_dismiss);
void job_forget(const char *node);
/* Of a write threshold: the name that a client has set it by, for its events. */
void node_remember_as(const char *node, const char *as);
const char *node_known_as(const char *node);
bool job_finalize(const char *node);
/* The same for a job that is pending, but it counts as cancelled. */
void job_give_up(const char *node);
bool job_auto_finalize(const char *node);
bool job_auto_dismiss(const char *node);
void jobs_forget(void);

/* The settings of one process, for another one. */
struct job_memory {
	char node[KDM_NAME_LEN];
	bool auto_finalize;
	bool auto_dismiss;
	bool finalized;
	bool given_up;
	char as[KDM_NAME_LEN];
};

typedef void tell_memory_fn(void *context, const struct job_memory *memory);

/* In a child: sends later settings to the server. */
void jobs_tell_memory(tell_memory_fn *tell, void *context);
/* In its parent; kept until @keeper releases them. */
void job_hear_memory(const struct job_memory *memory, const void *keeper);
/* The node is gone, unless an edit is about to make it again. */
void job_forget_gone(const char *node);

#endif /* QDM_GRAPH_JOB_MEMORY_H */
