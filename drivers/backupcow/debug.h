/* SPDX-License-Identifier: GPL-2.0-only */
/* The jobs as a person can read them; see debug.c. */
#ifndef BACKUPCOW_DEBUG_H
#define BACKUPCOW_DEBUG_H

void bcow_debug_init(void);
void bcow_debug_exit(void);

#endif /* BACKUPCOW_DEBUG_H */
