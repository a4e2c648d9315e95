/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups as jobs; see job.c. */
#ifndef QDM_GRAPH_JOB_H
#define QDM_GRAPH_JOB_H

#include <json-c/json.h>

#include "graph/graph.h"

#define JOB_WORD	24

/* In place of an error: the filter was removed before the job's end was seen. */
#define JOB_END_UNSEEN	"EIDRM"

struct job {
	char node[KDM_NAME_LEN];
	char id[KDM_NAME_LEN];
	char state[JOB_WORD];	/* as QMP clients are to see it */
	char error[JOB_WORD];	/* an errno's name, or "-" */
	char io_status[JOB_WORD];
	uint64_t done;
	uint64_t total;
	uint64_t speed;
	uint64_t in_flight;
	uint64_t event_seq;
	bool broken;
	uint64_t lost_writes;	/* failed as their old data was not copied */
	char lost_error[JOB_WORD];	/* the first one's */
	bool guarded;		/* it ends when it is led past */
	/* what tells it from another job of the same name */
	struct devno devno;
	uint64_t diskseq;
	uint64_t run;
};

void job_name(struct job *job, const char *node);
/* A backupcow node's status and table as a job; false when it has none. */
bool job_read(struct job *job, const char *node, struct devno devno,
	      const char *status, const char *params);
/*
 * The job of the node of that name: 1; 0 when it has none or is not there, -1 when it
 * cannot be read, or is replaced meanwhile.
 */
int job_look(struct job *job, const char *name);
/* Is what was @before this job, and not one that had its name? */
bool job_is_same(const struct job *job, const struct job *before);
bool job_of_node(struct job *job, const struct node *node);
/* Will it never write to its target again? */
bool job_is_over(const struct node *node);
/* Has its filter a job that is not over? What blockdev-add makes has none. */
bool job_runs(const struct node *node);
/* Has such a filter without a job copied something already? */
bool job_has_copied(const struct node *node);
/* Cancels the job and waits until it is over, which a target that hangs puts off. */
int job_end(const char *node, struct error *error);
/* By its id, or by the name of the node or of the device directly on it. */
bool job_find(struct job *job, const struct graph *graph, const char *id);
bool job_failed(const struct job *job);
bool job_cancelled(const struct job *job);
/* "Input/output error" for "EIO" */
const char *job_error_text(const struct job *job);
/* The members that events and query-block-jobs have in common. */
void job_put(struct json_object *object, const struct job *job);

/* How a job's node is called, for the caller to free. */
char *job_node_name(const char *id);

/*
 * How a job is to end. This is the server's, as the kernel has no place for
 * it, and it does not matter: a job that nobody remembers waits for
 * job-dismiss.
 */
void job_remember(const char *node, bool auto_finalize, bool auto_dismiss);
void job_forget(const char *node);
bool job_finalize(const char *node);
/* The same for a job that waits for its end, but it counts as cancelled. */
void job_give_up(const char *node);
bool job_auto_finalize(const char *node);
bool job_auto_dismiss(const char *node);
/*
 * A job that has concluded and is to go by itself is found by job_to_tidy(), which
 * gives its node's name, for the caller to free, or NULL, and marks it as being
 * deleted by @tidier. It is deleted by job_tidy(), if it is still so by then.
 */
char *job_to_tidy(const void *tidier);
int job_tidy(const char *node, struct error *error);
/* Has that failed for one, so that it is to be tried again later? */
bool jobs_wait_to_go(void);
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
/* This edit has ended; if it was to delete a job, has it @failed? */
void jobs_let_go(const void *edit, bool failed);
/* The node is not there any more, unless an edit is about to make it again. */
void job_forget_gone(const char *node);

#endif /* QDM_GRAPH_JOB_H */
