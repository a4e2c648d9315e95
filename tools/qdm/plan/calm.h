/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An edit that nobody interrupts, and that does not wait for ever; see calm.c. */
#ifndef QDM_PLAN_CALM_H
#define QDM_PLAN_CALM_H

#include <stdbool.h>

/* How long a step may wait, in seconds, unless QDM_PATIENCE says otherwise. */
#define CALM_PATIENCE_S		20

/* What would end this process only ends what it waits for, until the last calm_end(). */
void calm_begin(void);
/* Acts on what has come meanwhile; *@done: has the edit been done? */
void calm_end(bool done);
/* A step that may wait begins, and has ended. */
void calm_step(void);
/* Why it was given up, if it was, for after "Device 'x' "; else NULL. */
const char *calm_step_end(void);

#endif /* QDM_PLAN_CALM_H */
