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
 * Sleeps briefly; false after WAITING_S. After a second it prints on stderr the lock
 * that is waited for, and the program that holds it.
 */
bool waiting_for(struct waiting *waiting, const char *what, const char *path);

#endif /* QDM_KERNEL_WAITING_H */
