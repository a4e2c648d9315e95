/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What this process remembers of jobs; see job-memory.c. */
#ifndef QDM_GRAPH_JOB_MEMORY_H
#define QDM_GRAPH_JOB_MEMORY_H

#include <time.h>

#include "graph/job.h"

/*
 * How a job is to end. This is the server's, as the kernel has no place for
 * it, and it does not matter: a job that nobody remembers waits for
 * job-dismiss.
 */
struct kept_job {
	char *node;
	bool auto_finalize;
	bool auto_dismiss;
	bool finalized;
	bool given_up;
	const void *keeper;	/* the edit under way that has said so */
	const void *tidier;	/* the edit under way that deletes it */
	struct job over;	/* what that is to delete */
	time_t again;		/* when that is tried again after it has failed */
	unsigned int pause;	/* and how long that was, in seconds */
};

/* All of them. */
extern struct kept_job *kept_jobs;
extern size_t kept_jobs_nr;

/* NULL for a job that nobody remembers. */
struct kept_job *job_recall(const char *node);
void job_remember(const char *node, bool auto_finalize, bool auto_dismiss);
void job_forget(const char *node);
bool job_finalize(const char *node);
/* The same for a job that waits for its end, but it counts as cancelled. */
void job_give_up(const char *node);
bool job_auto_finalize(const char *node);
bool job_auto_dismiss(const char *node);
void jobs_forget(void);

/* What one process remembers, for another one. */
struct job_memory {
	char node[KDM_NAME_LEN];
	bool auto_finalize;
	bool auto_dismiss;
	bool finalized;
	bool given_up;
};

typedef void tell_memory_fn(void *context, const struct job_memory *memory);

/* In a child: what is remembered from now on is told. */
void jobs_tell_memory(tell_memory_fn *tell, void *context);
/* In its parent; not forgotten before @keeper lets go. */
void job_hear_memory(const struct job_memory *memory, const void *keeper);
/* The node is not there any more, unless an edit is about to make it again. */
void job_forget_gone(const char *node);

#endif /* QDM_GRAPH_JOB_MEMORY_H */
