/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocation that ends the program on failure, with a message, as no useful work can
 * follow. No edit is lost by that: each plan is complete before its first step runs,
 * and a server keeps no state that cannot be read from the kernel again.
 */
#ifndef QDM_BASE_ALLOC_H
#define QDM_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* Room for one element more than @nr; grows by doubling. */
void *more(void *array, size_t nr, size_t size);
void *resize(void *memory, size_t len);
char *copy(const char *text);
/* Wipes and frees text that may hold a key. */
void wipe(char *text);
__attribute__((format(printf, 1, 2)))
char *print(const char *fmt, ...);
/* Hash of a name that has to be shortened. */
uint64_t text_hash(const char *text);

#endif /* QDM_BASE_ALLOC_H */
