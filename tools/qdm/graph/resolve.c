// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ends of edges in the graph: a node, or a leaf named by its path; and which of
 * them may be edited. edit/ plans with them.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
#include "graph/resolve.h"
#include "graph/uuid.h"
#include "kernel/targets.h"

#define SECTOR		512
#define MAPPER		"/dev/mapper/"

bool is_path(const char *word)
{
	return *word == '/';
}

/*
 * udev escapes special characters in /dev/mapper, and the kernel splits table lines at
 * blanks.
 */
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
 * Direct access bypasses every filter, and device-mapper never takes this ability away
 * from a device.
 */
int check_not_direct(const struct node *device, struct error *error)
{
	const char *name = device->dev.name;

	if (!kdm_is_direct(device->dev.devno))
		return 0;
	return refuse(error, "Device '%s' can be accessed directly (DAX), past any filter under it; put the filter on top of it (\"file\": \"/dev/mapper/%s\") and use that instead",
		      name, name);
}

/*
 * A device's name may have 127 characters of any kind. The names of nodes made for it
 * are also in UUIDs, which have less room, and in table lines, which are split at
 * blanks. A hash of the whole name distinguishes shortened names.
 */
#define STEM_MAX	53
#define HASH_DIGITS	8
#define FNV_OFFSET	2166136261u
#define FNV_PRIME	16777619u

static uint32_t hash(const char *text, uint32_t value)
{
	for (; *text; text++)
		value = (value ^ (unsigned char)*text) * FNV_PRIME;
	return value;
}

static char *hashed_stem(const char *device, uint32_t value)
{
	char *stem = print("%.*s-%08x", STEM_MAX - HASH_DIGITS - 1, device,
			   value);
	char *at;

	for (at = stem; *(at += strspn(at, DM_PLAIN_CHARS));)
		*at = '_';
	return stem;
}

char *name_stem(const char *device)
{
	if (strlen(device) <= STEM_MAX && !device[strspn(device, DM_PLAIN_CHARS)])
		return copy(device);
	return hashed_stem(device, hash(device, FNV_OFFSET));
}

static char *join(char *stem, const char *end)
{
	char *name = print("%s-%s", stem, end);

	free(stem);
	return name;
}

char *derived_name(const char *device, const char *end)
{
	return join(name_stem(device), end);
}

/*
 * A renamed device keeps the nodes named after it, so the derived name may be taken:
 * then another hash is tried, and so on.
 */
static char *next_derived_name(char *name, const char *device, const char *end)
{
	uint32_t value;

	name[strlen(name) - strlen(end) - 1] = '\0';
	value = hash(name, FNV_OFFSET);
	free(name);
	return join(hashed_stem(device, value), end);
}

char *new_derived_name(const struct graph *graph, const char *device,
		       const char *end)
{
	char *name = derived_name(device, end);

	while (graph_find(graph, name))
		name = next_derived_name(name, device, end);
	return name;
}

char *root_name(const char *device)
{
	return derived_name(device, "root");
}

/* The node beneath an edited device: the topmost filter, or the root itself. */
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

bool root_is_others(const struct graph *graph, const struct node *device,
		    const struct node *root)
{
	size_t i;

	for (i = 0; i < graph->nr; i++)
		if (&graph->node[i] != device &&
		    node_root(graph, attached(graph, &graph->node[i])) == root)
			return true;
	return false;
}

bool is_root_of(const struct node *root, const struct node *device)
{
	struct uuid uuid;
	char *name;
	bool same;

	if (root->kind != KIND_ROOT || node_is_host(root) ||
	    device->kind != KIND_DEVICE)
		return false;
	uuid_read(&uuid, root->dev.uuid);
	if (uuid.identified)
		return uuid.identity == uuid_identity(&device->dev);
	name = root_name(device->dev.name);
	same = !strcmp(name, root->dev.name);
	free(name);
	return same;
}

/* The node beneath it; else one that was made for it and is not inserted yet. */
const struct node *find_root(const struct graph *graph,
			     const struct node *device)
{
	const struct node *root = node_root(graph, attached(graph, device));
	size_t i;

	for (i = 0; !root && i < graph->nr; i++)
		if (is_root_of(&graph->node[i], device))
			root = &graph->node[i];
	return root && !root_is_others(graph, device, root) ? root : NULL;
}

static bool is_own_throttle(const struct node *node)
{
	static const char end[] = "-throttle";
	const size_t len = strlen(node->dev.name), tail = strlen(end);

	return node->kind == KIND_THROTTLE && len > tail &&
	       !strcmp(node->dev.name + len - tail, end);
}

/* Under the device; else unused on its root, after its table was replaced. */
const struct node *find_throttle(const struct graph *graph,
				 const struct node *device)
{
	const struct node *root = find_root(graph, device);
	const struct node *node = attached(graph, device);
	size_t i;

	while (node && node->kind != KIND_DEVICE && node->kind != KIND_ROOT) {
		if (is_own_throttle(node))
			return node;
		node = node->nr_below ? graph_at(graph, node->below[0]) : NULL;
	}
	for (i = 0; root && i < graph->nr; i++)
		if (is_own_throttle(&graph->node[i]) &&
		    !graph_above(graph, graph->node[i].dev.devno) &&
		    node_root(graph, &graph->node[i]) == root)
			return &graph->node[i];
	return NULL;
}

/* Not through what is as long as a part of what it lies on: its bytes are others. */
static const struct node *below_whole(const struct graph *graph,
				      const struct node *node)
{
	const struct node *below = node_same(graph, node);

	return below && kdm_table_len(&below->table) ==
	       kdm_table_len(&node->table) ? below : NULL;
}

const struct node *find_threshold(const struct graph *graph,
				  const struct node *node)
{
	while (node && node->kind != KIND_THRESHOLD)
		node = below_whole(graph, node);
	return node;
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
