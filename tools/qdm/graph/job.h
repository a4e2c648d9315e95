/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Backups as jobs; see job.c. */
#ifndef QDM_GRAPH_JOB_H
#define QDM_GRAPH_JOB_H

#include <json-c/json.h>

#include "graph/graph.h"

#define JOB_WORD	24

/* Instead of an error: the filter was removed before the job's end was seen. */
#define JOB_END_UNSEEN	"EIDRM"

struct job {
	char node[KDM_NAME_LEN];
	char id[KDM_NAME_LEN];
	char state[JOB_WORD];	/* as shown to QMP clients */
	char error[JOB_WORD];	/* an errno's name, or "-" */
	char io_status[JOB_WORD];
	uint64_t done;
	uint64_t total;
	uint64_t speed;
	uint64_t in_flight;
	uint64_t event_seq;
	bool broken;
	bool silent;		/* a filter that blockdev-add made: nobody's job */
	uint64_t lost_writes;	/* failed as their old data was not copied */
	char lost_error[JOB_WORD];	/* the first one's */
	bool guarded;		/* it ends when its device is routed past it */
	/* distinguishes it from another job of the same name */
	struct devno devno;
	uint64_t diskseq;
	uint64_t run;
};

void job_name(struct job *job, const char *node);
/* A backupcow node's status and table as a job; false if it has none. */
bool job_read(struct job *job, const char *node, struct devno devno,
	      const char *status, const char *params);
/*
 * The job of the node of that name: 1; 0 if it has none or does not exist, -1 if it
 * cannot be read, or was replaced meanwhile.
 */
int job_look(struct job *job, const char *name);
/* Is @before the same job, and not another one of its name? */
bool job_is_same(const struct job *job, const struct job *before);
bool job_of_node(struct job *job, const struct node *node);
/* Will it never write to its destination again? */
bool job_is_over(const struct node *node);
/* The same by the node's name; and does no such node exist? */
bool job_has_ended(const char *name);
bool job_is_gone(const char *name);
/* Does its filter have an active job? Filters made by blockdev-add have none. */
bool job_runs(const struct node *node);
/* Has such a filter without a job copied any cluster already? */
bool job_has_copied(const struct node *node);
/* By its id, or by the name of the node or of the device directly on it. */
bool job_find(struct job *job, const struct graph *graph, const char *id);
bool job_failed(const struct job *job);
bool job_cancelled(const struct job *job);
/* "Input/output error" for "EIO" */
const char *job_error_text(const struct job *job);
/* The members that events and query-block-jobs have in common. */
void job_put(struct json_object *object, const struct job *job);

/* The name of a job's node, for the caller to free. */
char *job_node_name(const char *id);

#endif /* QDM_GRAPH_JOB_H */
