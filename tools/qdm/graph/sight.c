// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A name is resolved once. Between that and the ioctl an edit may wait for LVM's lock,
 * and then "/dev/vg/spare" may be another volume, which must not be overwritten; a
 * device number, too, is reused after its device is removed. So the identity of each
 * word's device is kept: the number, with the dm UUID and the disk's sequence number,
 * which is unique since boot (Linux 5.15).
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/sight.h"
#include "kernel/host.h"

void sights_add(struct sights *sights, const char *word, struct devno devno)
{
	struct sight *sight;

	sights->sight = more(sights->sight, sights->nr, sizeof(*sight));
	sight = &sights->sight[sights->nr++];
	*sight = (struct sight){ .word = copy(word), .devno = devno };
	kdm_identity(devno, &sight->identity);
}

void sights_look(struct sights *sights, const struct graph *graph,
		 const char *word)
{
	const struct node *node = *word == '/' ? NULL :
						 graph_find(graph, word);
	struct devno devno;

	if (node)
		sights_add(sights, word, node->dev.devno);
	else if (host_device(word, &devno))
		sights_add(sights, word, devno);
}

void sights_look_all(struct sights *sights, const struct graph *graph,
		     struct json_object *value)
{
	size_t i;

	if (json_object_is_type(value, json_type_string))
		sights_look(sights, graph, json_object_get_string(value));
	if (json_object_is_type(value, json_type_array))
		for (i = 0; i < json_object_array_length(value); i++)
			sights_look_all(sights, graph,
					json_object_array_get_idx(value, i));
	if (!json_object_is_type(value, json_type_object))
		return;
	json_object_object_foreach(value, name, member) {
		(void)name;
		sights_look_all(sights, graph, member);
	}
}

const struct sight *sights_find(const struct sights *sights, const char *word)
{
	size_t i;

	for (i = 0; i < sights->nr; i++)
		if (!strcmp(sights->sight[i].word, word))
			return &sights->sight[i];
	return NULL;
}

void sights_free(struct sights *sights)
{
	while (sights->nr)
		free(sights->sight[--sights->nr].word);
	free(sights->sight);
	*sights = (struct sights){ 0 };
}

static bool same_identity(const struct kdm_identity *a,
			  const struct kdm_identity *b)
{
	return a->diskseq == b->diskseq && !strcmp(a->uuid, b->uuid);
}

bool sight_is_there(const struct sight *sight)
{
	struct kdm_identity now;

	kdm_identity(sight->devno, &now);
	return same_identity(&sight->identity, &now);
}

int sights_compare(const struct sights *before, const struct sights *now,
		   struct error *error)
{
	const struct sight *old, *new;
	size_t i;

	for (i = 0; i < before->nr; i++) {
		old = &before->sight[i];
		new = sights_find(now, old->word);
		if (!new || !same_devno(old->devno, new->devno) ||
		    !same_identity(&old->identity, &new->identity))
			return refuse(error, "'%s' became another device while waiting; nothing was done",
				      old->word);
	}
	return 0;
}
