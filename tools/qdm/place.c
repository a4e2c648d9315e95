// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Places in the graph where an edge can end: a node, or a leaf that only its path
 * names; and which of them may be edited. edit.c makes plans of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "alloc.h"
#include "place.h"
#include "shape.h"

#define SECTOR		512
#define MAPPER		"/dev/mapper/"

bool is_path(const char *word)
{
	return *word == '/';
}

/* udev spells odd names otherwise in /dev/mapper, and the kernel takes words apart. */
static void place_by_number(struct place *place)
{
	snprintf(place->word, sizeof(place->word), "%u:%u", place->devno.major,
		 place->devno.minor);
}

void place_at(struct place *place, const struct node *node)
{
	const char *name = node->dev.name;

	*place = (struct place){
		.node = node,
		.data = node,
		.devno = node->dev.devno,
		.sectors = kdm_table_len(&node->table),
		.inner = !node_is_host(node),
	};
	if (name[strspn(name, DM_PLAIN_CHARS)])
		place_by_number(place);
	else
		snprintf(place->word, sizeof(place->word), MAPPER "%s",
			 name);
}

static int leaf_size(const char *path, uint64_t *sectors, struct error *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	uint64_t bytes = 0;
	int read_only = 0;
	int result;

	if (fd < 0)
		return refuse(error, "Could not open '%s': %s", path,
			      strerror(errno));
	result = ioctl(fd, BLKGETSIZE64, &bytes) ||
		 ioctl(fd, BLKROGET, &read_only);
	close(fd);
	if (result)
		return refuse(error, "cannot get the size of '%s': %s", path,
			      strerror(errno));
	if (read_only)
		return refuse(error, "Device '%s' is read-only", path);
	*sectors = bytes / SECTOR;
	return 0;
}

int place_leaf(struct place *place, const struct graph *graph,
	       const char *path, struct error *error)
{
	struct stat info;

	*place = (struct place){ 0 };
	if (stat(path, &info))
		return refuse(error, "Could not open '%s': %s", path,
			      strerror(errno));
	if (!S_ISBLK(info.st_mode))
		return refuse(error, "'%s' is not a block device", path);
	place->devno = (struct devno){ major(info.st_rdev),
				       minor(info.st_rdev) };
	place->node = graph_at(graph, place->devno);
	place->data = place->node;
	if (path[strspn(path, DM_PLAIN_CHARS "/")] ||
	    strlen(path) >= sizeof(place->word))
		place_by_number(place);
	else
		strcpy(place->word, path);
	return leaf_size(path, &place->sectors, error);
}

int check_table(const struct node *node, struct error *error)
{
	const char *name = node->dev.name;
	const char *type = shape_immovable(&node->table);

	if (!node->dev.live)
		return refuse(error, "Device '%s' has no medium", name);
	if (!type)
		return 0;
	if (!strcmp(type, "multipath"))
		return refuse(error, "Device '%s' is a multipath device, which takes requests and not bios, so no filter can be under it; put the filter on top of it (\"file\": \"/dev/mapper/%s\")",
			      name, name);
	return refuse(error, "Device '%s' has a table with target '%s', which cannot be moved under a filter; put the filter on top of it (\"file\": \"/dev/mapper/%s\") or under it",
		      name, type, name);
}

int check_editable(const struct node *node, struct error *error)
{
	const char *name = node->dev.name;

	if (!node->dev.live)
		return refuse(error, "Device '%s' has no medium", name);
	if (node->dev.read_only)
		return refuse(error, "Device '%s' is read-only", name);
	if (node->dev.suspended)
		return refuse(error, "Device '%s' is suspended by someone else; resume it first",
			      name);
	if (node->dev.pending)
		return refuse(error, "Device '%s' has a table loaded by someone else that is not yet live; resume or clear it first",
			      name);
	return 0;
}

/*
 * What can be accessed directly is, past any filter, and device-mapper never
 * takes that away from a device that has it.
 */
int check_not_direct(const struct node *device, struct error *error)
{
	const char *name = device->dev.name;

	if (!kdm_is_direct(device->dev.devno))
		return 0;
	return refuse(error, "Device '%s' can be accessed directly (DAX), past any filter under it; put the filter on top of it (\"file\": \"/dev/mapper/%s\") and use that instead",
		      name, name);
}

char *root_name(const char *device)
{
	return print("%s-root", device);
}

/* What an edited device lies on: the topmost filter, or the root itself. */
const struct node *attached(const struct graph *graph,
				   const struct node *device)
{
	const struct node *below;
	struct devno devno;

	if (device->kind != KIND_DEVICE ||
	    !shape_is_straight(&device->table, &devno))
		return NULL;
	below = graph_at(graph, devno);
	return below && below->kind != KIND_DEVICE ? below : NULL;
}

/* Does another device lie on the root of this name? It was renamed since. */
static bool is_others(const struct graph *graph, const struct node *device,
		      const struct node *root)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (&graph->node[i] != device &&
		    node_root(graph, attached(graph, &graph->node[i])) == root)
			return true;
	return false;
}

/* What it lies on; else what was made for it, which nothing lies on yet. */
const struct node *find_root(const struct graph *graph,
			     const struct node *device)
{
	const struct node *root = node_root(graph, attached(graph, device));
	char *name = root_name(device->dev.name);

	if (!root)
		root = graph_find(graph, name);
	free(name);
	return root && root->kind == KIND_ROOT && !node_is_host(root) &&
	       !is_others(graph, device, root) ? root : NULL;
}

int place_named(struct place *place, const struct graph *graph,
			const char *name, struct error *error)
{
	const struct node *node;

	if (is_path(name))
		return place_leaf(place, graph, name, error);
	node = graph_find(graph, name);
	if (!node)
		return refuse(error, "Cannot find device='%s' nor node-name='%s'",
			      name, name);
	place_at(place, node);
	return 0;
}
