/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes in human-readable form; see size.c. */
#ifndef QDM_BASE_SIZE_H
#define QDM_BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#define SIZE_TEXT	32

#define SIZE_UNITS	"bytes, or a number like 64k, 1.5M or 10GiB (powers of 1024) or 10GB (of 1000)"

/* Parses a size as described by SIZE_UNITS; false for anything else. */
bool read_size(const char *text, uint64_t *value);
/* Parses 500, 10k or 1.5M, in powers of 1000. */
bool read_count(const char *text, uint64_t *value);
/* "10M", or "1.5G"; @text has SIZE_TEXT bytes and is returned. */
const char *size_text(char *text, uint64_t bytes);
/* The same, followed by the exact number if the short form is rounded. */
const char *size_exact(char *text, uint64_t bytes);

#endif /* QDM_BASE_SIZE_H */
