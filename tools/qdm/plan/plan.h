/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An edit as an ordered list of steps; see plan.c. */
#ifndef QDM_PLAN_PLAN_H
#define QDM_PLAN_PLAN_H

#include <stdio.h>

#include "graph/sight.h"
#include "kernel/dm.h"

enum step_kind {
	STEP_CREATE,	/* a device with @uuid and @table, or @copy_of's */
	STEP_LOAD,	/* @table, or @copy_of's, beside the live one */
	STEP_SUSPEND,	/* before a swap that must be at one instant with others */
	STEP_RESUME,	/* swaps the loaded table in */
	STEP_REMOVE,
	STEP_RENAME,	/* to @text */
	STEP_MESSAGE,	/* @text to the target */
	STEP_GROUPS,	/* make the throttle groups' folder be there */
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
	/* of a table that is copied: what it was, and must still be */
	struct kdm_table original;
	struct kdm_table table;
	struct devno target;	/* of a backup that is made */
	/* the live table it was planned on, if that must still be there */
	struct kdm_table was;
	/* what the kernel shows of the table since this step has loaded it */
	struct kdm_table loaded;
	/* for printing a table that holds a key: what in it was replaced */
	char *old_word;
	char *new_word;
	/* is swapped back to @was if a later step fails */
	bool goes_back;
	/* of a resume: no user sees it, as when a root is brought up to date */
	bool aside;
	/* of such a resume: a backup begins with it, and its device stands still */
	bool begins;
	/* of a swap: the root that is in from then on, or until then; see edit/put-back.c */
	char *goes_in;
	char *comes_out;
	struct kdm_how how;
};

struct plan {
	struct step *step;
	size_t nr;
	/* the devices that words in tables stand for, if they are there already */
	struct sights seen;
};

/* The step is the plan's last one now, for the caller to complete. */
struct step *plan_add(struct plan *plan, enum step_kind kind,
		      const char *name);
/* The first of this kind for the device, or NULL. */
struct step *plan_find(const struct plan *plan, enum step_kind kind,
		       const char *name);
void plan_free(struct plan *plan);
/* All devices that are swapped stand still while they are, and while backups begin. */
void plan_at_one_instant(struct plan *plan, const struct graph *graph);
/* All swaps last, so that what can be refused is refused before the first. */
void plan_swaps_last(struct plan *plan);

/* Swaps are undone, too, if a later step fails. */
void plan_goes_back(struct plan *plan);

/*
 * Has LVM's locks of the groups of all devices that are swapped or named. 1 if they
 * were not had before: then it is to be planned once more, as things may have
 * changed until then.
 */
int plan_lock(const struct plan *plan, const struct graph *graph,
	      struct error *error);
/* Gives them back, if it is not run after all. */
void plan_unlock(void);
/* Runs all, or undoes what it did before the first swap. */
int plan_run(struct plan *plan, struct error *error);
/* Prints a shell script that does the same. */
void plan_print(const struct plan *plan, FILE *out);

/* A word as the shell takes it. */
void print_quoted(FILE *out, const char *word);

/* One edit at a time on this machine; 0, or -1 when another does not end. */
int edit_lock(struct error *error);
void edit_unlock(void);

#endif /* QDM_PLAN_PLAN_H */
