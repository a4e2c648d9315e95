// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The dm UUIDs of nodes, which identify their kind:
 *
 *	QDM-<kind>-<node>				a node that users open
 *	stratis-1-private-QDM-<kind>-<node>		a filter on a device's root
 *	stratis-1-private-QDM-root-<identity>-<device>	a device's root
 *	stratis-1-private-QDM-leaf-<node>		a leaf's node
 *
 * Inner nodes show the same content as the device above them. LVM would take such a
 * node for a second copy of the physical volume, refuse to change or activate the
 * group, and ignore udev's flags. It skips dm UUIDs with a few reserved prefixes. Of
 * these, "stratis-1-private" is the one that libblkid skips as well (blkid, mount
 * UUID=), and that does not call the content encrypted, as "CRYPT-" does for systemd,
 * lsblk and cryptsetup's initramfs hook. Stratis itself finds its devices by their
 * names.
 *
 * A root's identity is a hash of its device's dm UUID, or without one of another value
 * that is never reused. Names are reused: the root of a removed volume must not be
 * taken for that of a new volume with its name.
 *
 * The earlier form was QDM-root-<device> and QDM-root-<node> for roots and leaves,
 * without a prefix; such nodes are still understood.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "graph/resolve.h"
#include "graph/uuid.h"

#define PRIVATE		"stratis-1-private-"
#define OURS		"QDM-"
#define LEAF		"leaf"
#define UUID_MAX	(KDM_UUID_LEN - 1)
#define HASH_LEN	16

/* Moves *@text past @word if it begins with it. */
static bool skip(const char **text, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*text, word, len))
		return false;
	*text += len;
	return true;
}

static enum kind skip_kind(const char **text)
{
	const char *word;
	int kind;

	for (kind = KIND_ROOT; kind < KINDS; kind++) {
		word = kind_word(kind);
		if (!strncmp(*text, word, strlen(word)) &&
		    (*text)[strlen(word)] == '-') {
			*text += strlen(word) + 1;
			return kind;
		}
	}
	return KIND_DEVICE;
}

static void read_identity(struct uuid *uuid)
{
	int len = 0;

	if (strspn(uuid->name, "0123456789abcdef") == HASH_LEN &&
	    sscanf(uuid->name, "%16" SCNx64 "-%n", &uuid->identity, &len) == 1)
		uuid->identified = len == HASH_LEN + 1;
	if (uuid->identified)
		uuid->name += len;
}

void uuid_read(struct uuid *uuid, const char *text)
{
	*uuid = (struct uuid){ .kind = KIND_DEVICE };
	uuid->private = skip(&text, PRIVATE);
	if (!skip(&text, OURS))
		return;
	if (uuid->private && skip(&text, LEAF "-")) {
		uuid->leaf = true;
		uuid->kind = KIND_ROOT;
	} else {
		uuid->kind = skip_kind(&text);
	}
	uuid->name = text;
	if (uuid->kind == KIND_ROOT && uuid->private && !uuid->leaf)
		read_identity(uuid);
}

enum kind kind_of(const char *text)
{
	struct uuid uuid;

	uuid_read(&uuid, text);
	return uuid.kind;
}

/* A name that does not fit ends with its hash. */
static char *make(const char *prefix, const char *word, const char *name)
{
	char *uuid = print("%s" OURS "%s-%s", prefix, word, name);

	if (strlen(uuid) > UUID_MAX)
		snprintf(uuid + UUID_MAX - HASH_LEN - 1, HASH_LEN + 2,
			 "-%016" PRIx64, text_hash(name));
	return uuid;
}

char *uuid_of_filter(enum kind kind, const char *name, bool private)
{
	return make(private ? PRIVATE : "", kind_word(kind), name);
}

char *uuid_of_leaf(const char *name)
{
	return make(PRIVATE, LEAF, name);
}

uint64_t uuid_identity(const struct kdm_device *device)
{
	struct kdm_identity identity;
	char number[64];

	if (*device->uuid)
		return text_hash(device->uuid);
	kdm_identity(device->devno, &identity);
	snprintf(number, sizeof(number), "%u:%u %" PRIu64, device->devno.major,
		 device->devno.minor, identity.diskseq);
	return text_hash(number);
}

/*
 * The name is only a hint for readers: it is shortened to fit, without special
 * characters.
 */
char *uuid_of_root(const struct kdm_device *device)
{
	char *uuid = print(PRIVATE OURS "%s-%016" PRIx64 "-%s",
			   kind_word(KIND_ROOT), uuid_identity(device),
			   device->name);
	char *odd = uuid;

	while (*(odd += strspn(odd, DM_PLAIN_CHARS)))
		*odd = '_';
	if (strlen(uuid) > UUID_MAX)
		uuid[UUID_MAX] = '\0';
	return uuid;
}

bool root_is_identified(const struct node *root)
{
	struct uuid uuid;

	uuid_read(&uuid, root->dev.uuid);
	return uuid.identified;
}
