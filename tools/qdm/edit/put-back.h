/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Puts back what LVM has dropped, and removes what has lost its device; see put-back.c. */
#ifndef QDM_EDIT_PUT_BACK_H
#define QDM_EDIT_PUT_BACK_H

#include "graph/graph.h"
#include "plan/plan.h"

/* The edit lock is held, or no other edit is made. */
int put_back_dropped(const char *device, struct error *error);
int take_lost_down(const char *root, struct error *error);
int edit_put_back(const struct graph *graph, const char *device,
		  struct plan *plan, struct error *error);

#endif /* QDM_EDIT_PUT_BACK_H */
