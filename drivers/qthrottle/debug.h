/* SPDX-License-Identifier: GPL-2.0-only */
/* Groups in debugfs, for reading; see debug.c. */
#ifndef QDM_DEBUG_H
#define QDM_DEBUG_H

void qt_debug_init(void);
void qt_debug_exit(void);

#endif /* QDM_DEBUG_H */
