/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files that implement grow.h. */
#ifndef QDM_GROW_MEMORY_H
#define QDM_GROW_MEMORY_H

#include "grow/grow.h"

#define GROWTHS		1024

struct memory {
	struct growth growth[GROWTHS];
	size_t nr;
	char failed[16];	/* the reason that was reported last */
	int fd;
};

/* look.c */
bool read_bytes(struct devno devno, uint64_t *bytes);
uint64_t written_to(const struct growing *growing);

/* memory.c */
int take_lock(const char *node, const char *end, int how);
void recall_growth(struct memory *memory);
void remember_growth(const struct memory *memory);
uint64_t boot_seconds(void);

/* tell.c */
void report_failure(const struct growing *growing, struct memory *memory,
		    const struct error *failure);
void note_success(struct growing *growing, struct memory *memory);

#endif /* QDM_GROW_MEMORY_H */
