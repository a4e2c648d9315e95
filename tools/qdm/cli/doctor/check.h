/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the checks of doctor. */
#ifndef QDM_CLI_DOCTOR_CHECK_H
#define QDM_CLI_DOCTOR_CHECK_H

#include <json-c/json.h>

#include "cli/options.h"
#include "cli/words.h"
#include "graph/graph.h"

struct check {
	const struct options *options;
	struct json_object *found;
	struct graph graph;
	int open;		/* number of faults left */
};

enum outcome { TROUBLE, REPAIRED, NOTE };

/* doctor.c */
__attribute__((format(printf, 3, 4)))
void say(struct check *check, enum outcome outcome, const char *fmt, ...);
bool changes(const struct check *check);

/* mend.c */
int resume_plainly(const char *name, struct error *error);
int give_name(const char *name, struct error *error);
int take_out(const char *name, struct error *error);
bool is_bare(const char *group);
int end_adding(const char *name, struct error *error);
enum outcome mend(struct check *check, const char *name,
		  int (*act)(const char *name, struct error *error));

/* half-way.c */
bool is_ours(const struct node *node);
void check_root(struct check *check, const struct node *node);
void check_type(struct check *check, const struct node *node);
void check_lost(struct check *check, const struct node *node);
int check_on_their_way(struct check *check, struct error *error);
int check_all_dropped(struct check *check, struct error *error);
int check_halfway(struct check *check, struct error *error);

/* unused.c */
void check_idle(struct check *check, const struct node *node);
void check_passing(struct check *check, const struct node *node);
int read_again(struct check *check, struct error *error);
int clear_filters(struct check *check, struct error *error);

/* backups.c */
void check_backup(struct check *check, const struct node *node);

/* groups.c */
void check_groups(struct check *check);

/* semaphores.c */
void check_cookies(struct check *check);

/* surroundings.c */
void check_surroundings(struct check *check);

#endif /* QDM_CLI_DOCTOR_CHECK_H */
