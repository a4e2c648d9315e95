/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files that run a plan and undo it. */
#ifndef QDM_PLAN_RUN_H
#define QDM_PLAN_RUN_H

#include "plan/plan.h"

/* words.c */
bool same_line(const struct kdm_line *a, const struct kdm_line *b);
bool same_place(const struct kdm_table *a, const struct kdm_table *b);
int refuse_changed(const char *name, struct error *error);
bool names_word(const char *params, const char *word);
int step_table(const struct plan *plan, const struct step *step,
	       struct kdm_table *table, struct error *error);

/* check.c */
bool is_given(const struct kdm_table *shown, const struct kdm_table *given);
int check_seen(const struct plan *plan, const struct step *step,
	       struct error *error);
int load_seen(const struct plan *plan, struct step *step,
	      const struct kdm_table *table, struct error *error);
const struct step *step_before(const struct plan *plan,
			       const struct step *step,
			       enum step_kind kind);
bool is_loaded(const char *name, const struct kdm_table *table);
bool ours_is_loaded(const struct step *load);
int check_unchanged(const struct plan *plan, const struct step *step,
		    struct error *error);
int check_swapped(const struct plan *plan, const struct step *step,
		  struct error *error);

/* step.c */
int load_table(struct step *step, const struct kdm_table *table,
	       struct error *error);
int stop_or_swap(const struct step *step, struct error *error);
void mark_root(const char *root, int (*how)(const char *, struct error *));
int run_step(const struct plan *plan, struct step *step,
	     struct error *error);

/* undo.c */
void undo_steps(const struct plan *plan, size_t failed, bool begun);

#endif /* QDM_PLAN_RUN_H */
