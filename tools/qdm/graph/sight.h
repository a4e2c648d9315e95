/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Devices as they were when their names were resolved; see sight.c. */
#ifndef QDM_GRAPH_SIGHT_H
#define QDM_GRAPH_SIGHT_H

#include <json-c/json.h>

#include "graph/graph.h"

struct sight {
	char *word;
	struct devno devno;
	struct kdm_identity identity;
};

struct sights {
	struct sight *sight;
	size_t nr;
};

void sights_add(struct sights *sights, const char *word, struct devno devno);
/* Records the device that the word names, as a path or as a node. */
void sights_look(struct sights *sights, const struct graph *graph,
		 const char *word);
/* Records all words in a command's arguments. */
void sights_look_all(struct sights *sights, const struct graph *graph,
		     struct json_object *value);
const struct sight *sights_find(const struct sights *sights, const char *word);
void sights_free(struct sights *sights);

/* Does the number still belong to the recorded device? */
bool sight_is_there(const struct sight *sight);
/* Do all words still name the same devices? */
int sights_compare(const struct sights *before, const struct sights *now,
		   struct error *error);

#endif /* QDM_GRAPH_SIGHT_H */
