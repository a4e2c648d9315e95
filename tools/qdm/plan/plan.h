/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An edit as an ordered list of steps; see plan.c. */
#ifndef QDM_PLAN_PLAN_H
#define QDM_PLAN_PLAN_H

#include <stdio.h>

#include "graph/sight.h"
#include "kernel/dm.h"

enum step_kind {
	STEP_CREATE,	/* a device with @uuid and @table, or @copy_of's */
	STEP_LOAD,	/* @table, or @copy_of's, into the inactive slot */
	STEP_SUSPEND,	/* before a swap that must be at one instant with others */
	STEP_RESUME,	/* swaps the loaded table in */
	STEP_REMOVE,
	STEP_RENAME,	/* to @text */
	STEP_MESSAGE,	/* @text to the target */
	STEP_GROUPS,	/* make the folder of throttle groups */
	STEP_MKGROUP,
	STEP_RMGROUP,
	STEP_LIMITS,	/* @text to the group's limits */
};

struct step {
	enum step_kind kind;
	char *name;
	char *uuid;
	char *text;
	char *copy_of;
	/* of a table that is copied: its content, which must be unchanged */
	struct kdm_table original;
	struct kdm_table table;
	struct devno target;	/* of a new backup: its destination */
	/* the live table that it was planned on, if that must be unchanged */
	struct kdm_table was;
	/* the table as the kernel shows it after this step has loaded it */
	struct kdm_table loaded;
	/* for printing a table that contains a key: the replacement in it */
	char *old_word;
	char *new_word;
	/* swapped back to @was if a later step fails */
	bool goes_back;
	/* of a resume: invisible to users, as the update of a root */
	bool aside;
	/* of such a resume: a backup begins with it, and its device is suspended */
	bool begins;
	/*
	 * of a swap: the root that is in use from then on, or until then; see
	 * edit/put-back.c
	 */
	char *goes_in;
	char *comes_out;
	struct kdm_how how;
};

struct plan {
	struct step *step;
	size_t nr;
	/* the devices named by words in tables, if they exist already */
	struct sights seen;
};

/* Appends a step, for the caller to complete. */
struct step *plan_add(struct plan *plan, enum step_kind kind,
		      const char *name);
/* The first of this kind for the device, or NULL. */
struct step *plan_find(const struct plan *plan, enum step_kind kind,
		       const char *name);
void plan_free(struct plan *plan);
/* Suspends all swapped devices during their swaps and the start of backups. */
void plan_at_one_instant(struct plan *plan, const struct graph *graph);
/* Moves all swaps to the end, so that refusals precede the first. */
void plan_swaps_last(struct plan *plan);

/* Swaps are undone, too, if a later step fails. */
void plan_goes_back(struct plan *plan);

/*
 * Takes LVM's locks of the groups of all devices that are swapped or named. 1 if they
 * were not held before: then the edit must be planned again, as the graph may have
 * changed until then.
 */
int plan_lock(const struct plan *plan, const struct graph *graph,
	      struct error *error);
/* Releases them, if the plan is not run. */
void plan_unlock(void);
/* Runs all steps, or undoes those before the first swap. */
int plan_run(struct plan *plan, struct error *error);
/* Prints a shell script that does the same. */
void plan_print(const struct plan *plan, FILE *out);

/* A word, quoted for the shell. */
void print_quoted(FILE *out, const char *word);

/* Takes the lock of edits on this host; 0, or -1 if another edit does not end. */
int edit_lock(struct error *error);
void edit_unlock(void);

#endif /* QDM_PLAN_PLAN_H */
