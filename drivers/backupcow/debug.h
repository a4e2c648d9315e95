/* SPDX-License-Identifier: GPL-2.0-only */
/* Jobs in debugfs, for reading; see debug.c. */
#ifndef BACKUPCOW_DEBUG_H
#define BACKUPCOW_DEBUG_H

void bcow_debug_init(void);
void bcow_debug_exit(void);

#endif /* BACKUPCOW_DEBUG_H */
