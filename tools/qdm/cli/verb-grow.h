/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files of qdm grow. */
#ifndef QDM_CLI_VERB_GROW_H
#define QDM_CLI_VERB_GROW_H

#include "cli/options.h"
#include "cli/words.h"
#include "graph/graph.h"

/* verb-grow-show.c */
int show_growing(const struct graph *graph, const char *node,
		 const struct options *options, struct error *error);
int show_all_growing(const struct graph *graph, const struct options *options);

#endif /* QDM_CLI_VERB_GROW_H */
