// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The content of a block device, by the signature that blkid finds on it. blkid does
 * not report the volume group of a physical volume, so it is read from LVM's metadata;
 * LVM itself leaves out devices excluded by its filters or its devices file, such as
 * the disks of virtual machines.
 */
#include <blkid.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/host.h"
#include "kernel/signature.h"

#define PV		"LVM2_member"
#define SECTOR		512
#define LABEL_SECTORS	4
#define MDA_MAGIC	" LVM2 x[5A%r0N*>"

/* On the disk, all little-endian. */
struct pv_label {
	char id[8];
	uint64_t sector;
	uint32_t crc;
	uint32_t offset;	/* of the header that follows, from here */
	char type[8];
};

struct pv_area {
	uint64_t offset;
	uint64_t size;
};

struct pv_header {
	char uuid[32];
	uint64_t size;
	/* areas of data, an empty one, areas of metadata, an empty one */
	struct pv_area area[];
};

struct mda_header {
	uint32_t crc;
	char magic[16];
	uint32_t version;
	uint64_t start;
	uint64_t size;
	uint64_t text_offset;	/* from the start of the area, 0 if it has none */
	uint64_t text_size;
} __attribute__((packed));

static void take(blkid_probe probe, const char *key, char *text, size_t len)
{
	const char *value;

	if (!*text && !blkid_probe_lookup_value(probe, key, &value, NULL))
		snprintf(text, len, "%s", value);
}

static bool probe_one(blkid_probe probe, struct signature *signature)
{
	char table[16] = "";

	if (blkid_do_probe(probe))
		return false;
	take(probe, "TYPE", signature->type, sizeof(signature->type));
	take(probe, "UUID", signature->uuid, sizeof(signature->uuid));
	take(probe, "PTTYPE", table, sizeof(table));
	if (!*signature->type && *table) {
		snprintf(signature->type, sizeof(signature->type),
			 "%s partition table", table);
		take(probe, "PTUUID", signature->uuid,
		     sizeof(signature->uuid));
	}
	return true;
}

/* The first signature found; types that can enclose others are probed first. */
static int probe_all(int fd, struct signature *signature)
{
	blkid_probe probe = blkid_new_probe();

	if (!probe || blkid_probe_set_device(probe, fd, 0, 0)) {
		blkid_free_probe(probe);
		return -1;
	}
	blkid_probe_enable_superblocks(probe, 1);
	blkid_probe_set_superblocks_flags(probe, BLKID_SUBLKS_TYPE |
					  BLKID_SUBLKS_UUID);
	blkid_probe_enable_partitions(probe, 1);
	while (!*signature->type && probe_one(probe, signature))
		;
	blkid_free_probe(probe);
	return 0;
}

static const struct pv_area *skip_areas(const struct pv_area *area,
					const struct pv_area *end)
{
	while (area < end && area->offset)
		area++;
	return area + 1;
}

/* The offset of the metadata, or 0. */
static uint64_t find_metadata(int fd)
{
	char sectors[LABEL_SECTORS][SECTOR] __attribute__((aligned(8)));
	const struct pv_label *label;
	const struct pv_area *area, *end;
	int i;

	if (pread(fd, sectors, sizeof(sectors), 0) != sizeof(sectors))
		return 0;
	for (i = 0; i < LABEL_SECTORS; i++) {
		label = (const void *)sectors[i];
		if (memcmp(label->id, "LABELONE", 8) ||
		    le32toh(label->offset) > SECTOR / 2 ||
		    le32toh(label->offset) % sizeof(uint64_t))
			continue;
		area = ((const struct pv_header *)
			(sectors[i] + le32toh(label->offset)))->area;
		end = (const void *)(sectors[i] + SECTOR - sizeof(*area));
		area = skip_areas(area, end);
		return area < end ? le64toh(area->offset) : 0;
	}
	return 0;
}

/* The text begins with the group's name. */
static void find_group(int fd, char *group, size_t len)
{
	const uint64_t at = find_metadata(fd);
	struct mda_header header;
	char text[128] = "";

	snprintf(group, len, "?");
	if (!at || pread(fd, &header, sizeof(header), at) != sizeof(header) ||
	    memcmp(header.magic, MDA_MAGIC, sizeof(header.magic)))
		return;
	*group = '\0';
	if (!header.text_offset ||
	    pread(fd, text, sizeof(text) - 1,
		  at + le64toh(header.text_offset)) <= 0)
		return;
	text[strcspn(text, " \n")] = '\0';
	snprintf(group, len, "%s", text);
}

/*
 * Drops the page cache before and after reading: a backup, or a device beneath, changes
 * the content without updating it.
 */
int signature_read(struct signature *signature, struct devno devno,
		   const char *name, struct error *error)
{
	int fd = host_open(devno, O_RDONLY);
	int result;

	*signature = (struct signature){ 0 };
	if (fd < 0)
		return refuse(error, "Could not open '%s': %s", name,
			      strerror(errno));
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	result = probe_all(fd, signature);
	if (!result && !strcmp(signature->type, PV))
		find_group(fd, signature->group, sizeof(signature->group));
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	if (result)
		return refuse(error, "cannot read what '%s' holds", name);
	return 0;
}

bool signature_same(const struct signature *a, const struct signature *b)
{
	return *a->type && *a->uuid && !strcmp(a->type, b->type) &&
	       !strcmp(a->uuid, b->uuid);
}
