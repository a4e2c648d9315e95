/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deferred signals and bounded waits during an edit; see calm.c. */
#ifndef QDM_PLAN_CALM_H
#define QDM_PLAN_CALM_H

#include <stdbool.h>

/* How long a step may wait, in seconds, unless QDM_PATIENCE is set. */
#define CALM_PATIENCE_S		20

/*
 * Until the last calm_end(), signals that would end this process only interrupt its
 * wait.
 */
void calm_begin(void);
/* Acts on signals received meanwhile; *@done: is the edit complete? */
void calm_end(bool done);
/* Around a step that may wait. */
void calm_step(void);
/* The reason if the wait was aborted, to follow "Device 'x' "; else NULL. */
const char *calm_step_end(void);

#endif /* QDM_PLAN_CALM_H */
