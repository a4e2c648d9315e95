/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A configfs made of a plain folder; see qdm-fake-groups.c. */
#ifndef QDM_FAKE_GROUPS_H
#define QDM_FAKE_GROUPS_H

#include "kernel/dm.h"

/* The tables there are now, between begin and end: they make groups and end them. */
void fake_groups_begin(void);
void fake_groups_use(const struct kdm_table *live,
		     const struct kdm_table *loaded);
void fake_groups_end(void);
/* The table has become live: if it has limits, its group has them now. */
void fake_groups_resume(const struct kdm_table *table);

#endif /* QDM_FAKE_GROUPS_H */
