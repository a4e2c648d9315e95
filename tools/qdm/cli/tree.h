/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qdm tree; see tree.c. */
#ifndef QDM_CLI_TREE_H
#define QDM_CLI_TREE_H

#include <stdio.h>

#include "graph/graph.h"

void tree_print(const struct graph *graph, FILE *out);
void tree_print_json(const struct graph *graph, FILE *out);

#endif /* QDM_CLI_TREE_H */
