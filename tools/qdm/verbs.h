/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qdm insert and qdm remove; see verbs.c. */
#ifndef QDM_VERBS_H
#define QDM_VERBS_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

int verb_insert(int argc, char **argv, struct error *error);
int verb_remove(int argc, char **argv, struct error *error);

/* 10M, 1G, 4096; false when it is no size or does not fit. */
bool read_size(const char *text, uint64_t *value);

#endif /* QDM_VERBS_H */
