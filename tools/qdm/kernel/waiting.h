/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for a lock that another program holds; see waiting.c. */
#ifndef QDM_KERNEL_WAITING_H
#define QDM_KERNEL_WAITING_H

#include <stdbool.h>

#define WAITING_S	30

struct waiting {
	unsigned long begun;	/* ms; 0 before the first sleep */
	bool told;
};

/*
 * Sleeps a little; false when WAITING_S are over. After a second it says on stderr
 * what is waited for, and which program has it.
 */
bool waiting_for(struct waiting *waiting, const char *what, const char *path);

#endif /* QDM_KERNEL_WAITING_H */
