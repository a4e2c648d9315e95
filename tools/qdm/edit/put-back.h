/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Puts back filters that LVM has dropped, and removes those without a device; see
 * put-back.c.
 */
#ifndef QDM_EDIT_PUT_BACK_H
#define QDM_EDIT_PUT_BACK_H

#include "graph/graph.h"
#include "plan/plan.h"

/* The caller holds the edit lock, or is the only editor. */
int put_back_dropped(const char *device, struct error *error);
int take_lost_down(const char *root, struct error *error);
int edit_put_back(const struct graph *graph, const char *device,
		  struct plan *plan, struct error *error);

#endif /* QDM_EDIT_PUT_BACK_H */
