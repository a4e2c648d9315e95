/* SPDX-License-Identifier: GPL-2.0-only */
/* The groups as a person can read them; see debug.c. */
#ifndef QDM_DEBUG_H
#define QDM_DEBUG_H

void qt_debug_init(void);
void qt_debug_exit(void);

#endif /* QDM_DEBUG_H */
