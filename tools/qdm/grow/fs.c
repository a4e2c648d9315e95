// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file system on a device that grows: its mounts, its free space, and its
 * extension.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "grow/fs-parts.h"
#include "grow/fs.h"

/* From the kernel's interface; some libc headers lack them. */
#define EXT4_RESIZE	_IOW('f', 16, uint64_t)

struct xfs_geometry {
	uint32_t blocksize, rtextsize, agblocks, agcount;
	uint32_t logblocks, sectsize, inodesize, imaxpct;
	uint64_t datablocks, rtblocks, rtextents, logstart;
	unsigned char uuid[16];
	uint32_t sunit, swidth;
	int32_t version;
	uint32_t flags, logsectsize, rtsectsize, dirblocksize;
};

struct xfs_growth {
	uint64_t newblocks;
	uint32_t imaxpct;
};

#define XFS_GEOMETRY	_IOR('X', 100, struct xfs_geometry)
#define XFS_GROW	_IOW('X', 110, struct xfs_growth)

static bool is_ext(const char *type)
{
	return !strcmp(type, "ext4") || !strcmp(type, "ext3") ||
	       !strcmp(type, "ext2");
}

/*
 * Sizes
 */

static int open_device(struct devno devno)
{
	char *path = print("/dev/block/%u:%u", devno.major, devno.minor);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *link, name[512] = "";

	free(path);
	if (fd >= 0)
		return fd;
	/* These links exist only with udev. */
	path = print("/sys/dev/block/%u:%u", devno.major, devno.minor);
	if (readlink(path, name, sizeof(name) - 1) > 0) {
		link = strrchr(name, '/');
		free(path);
		path = print("/dev/%s", link ? link + 1 : name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	free(path);
	return fd;
}

static uint32_t le32(const unsigned char *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t le64(const unsigned char *at)
{
	return le32(at) | (uint64_t)le32(at + 4) << 32;
}

/* The number of blocks has two halves; the upper one is valid with 64bit only. */
static uint64_t ext_size(const unsigned char *super)
{
	uint64_t blocks = le32(super + 4);

	if (le32(super + 0x60) & 0x80)
		blocks |= (uint64_t)le32(super + 0x150) << 32;
	return blocks * (1024ull << (le32(super + 0x18) & 15));
}

static uint64_t xfs_super_size(const unsigned char *super)
{
	uint64_t blocks = 0;
	uint32_t size = 0;
	int i;

	for (i = 4; i < 8; i++)
		size = size << 8 | super[i];
	for (i = 8; i < 16; i++)
		blocks = blocks << 8 | super[i];
	return blocks * size;
}

static const char *probe(int fd, uint64_t *size)
{
	unsigned char head[2048], tail[256];

	*size = 0;
	if (pread(fd, head, sizeof(head), 0) != sizeof(head))
		return NULL;
	if (!memcmp(head, "XFSB", 4)) {
		*size = xfs_super_size(head);
		return "xfs";
	}
	if (head[1024 + 0x38] == 0x53 && head[1024 + 0x39] == 0xef) {
		*size = ext_size(head + 1024);
		return "ext4";
	}
	if (pread(fd, tail, sizeof(tail), 65536) != sizeof(tail) ||
	    memcmp(tail + 0x40, "_BHRfS_M", 8))
		return NULL;
	*size = le64(tail + 0xd1); /* of this device; it may have others */
	return "btrfs";
}

const char *fs_probe(struct devno devno, uint64_t *size)
{
	int fd = open_device(devno);
	const char *type;

	if (fd < 0)
		return NULL;
	type = probe(fd, size);
	close(fd);
	return type;
}

/* btrfs may have more devices than this one, each with a number of its own. */
static bool find_member(int fd, struct devno devno,
			struct btrfs_ioctl_dev_info_args *member)
{
	struct btrfs_ioctl_fs_info_args all = { 0 };
	struct stat info;
	uint64_t id;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &all))
		return false;
	for (id = 1; id <= all.max_id; id++) {
		*member = (struct btrfs_ioctl_dev_info_args){ .devid = id };
		if (!ioctl(fd, BTRFS_IOC_DEV_INFO, member) &&
		    !stat((const char *)member->path, &info) &&
		    is_device(&info, devno))
			return true;
	}
	return false;
}

static bool ask_size(const struct mounted *mounted, struct devno devno,
		     uint64_t *size)
{
	struct btrfs_ioctl_dev_info_args member;
	struct xfs_geometry geometry;

	if (is_ext(mounted->type))
		return fs_probe(devno, size) && *size;
	if (!strcmp(mounted->type, "btrfs")) {
		if (!find_member(mounted->fd, devno, &member))
			return false;
		*size = member.total_bytes;
		return true;
	}
	if (strcmp(mounted->type, "xfs") ||
	    ioctl(mounted->fd, XFS_GEOMETRY, &geometry))
		return false;
	*size = geometry.datablocks * geometry.blocksize;
	return true;
}

/* For a folder with a quota of its own, statfs reports the quota's free space. */
bool fs_has_quota(uint64_t says, uint64_t size)
{
	return says < size / 2;
}

/* Can that file system be grown? Fills in its size and free space. */
bool ask_mounted(struct mounted *mounted, struct devno devno)
{
	struct statfs info;

	if (fstatfs(mounted->fd, &info) ||
	    !ask_size(mounted, devno, &mounted->size) ||
	    fs_has_quota((uint64_t)info.f_blocks * info.f_bsize, mounted->size))
		return false;
	mounted->free = (uint64_t)info.f_bavail * info.f_bsize;
	return true;
}

bool fs_look(struct mounted *mounted, struct devno devno,
	     struct grow_view *view)
{
	view->mounted = mounted->fd >= 0 && ask_mounted(mounted, devno);
	if (!view->mounted)
		return false;
	view->has_fs = true;
	view->fs_size = mounted->size;
	view->free = mounted->free;
	return true;
}

/*
 * Growing
 */

static int grow_ext(int fd, uint64_t bytes)
{
	struct statfs info;
	uint64_t blocks;

	if (fstatfs(fd, &info))
		return -1;
	blocks = bytes / info.f_bsize;
	return ioctl(fd, EXT4_RESIZE, &blocks);
}

static int grow_xfs(int fd, uint64_t bytes)
{
	struct xfs_geometry geometry;
	struct xfs_growth growth;

	if (ioctl(fd, XFS_GEOMETRY, &geometry))
		return -1;
	growth = (struct xfs_growth){
		.newblocks = bytes / geometry.blocksize,
		.imaxpct = geometry.imaxpct,
	};
	return ioctl(fd, XFS_GROW, &growth);
}

static int grow_btrfs(int fd, struct devno devno)
{
	struct btrfs_ioctl_dev_info_args member;
	struct btrfs_ioctl_vol_args args = { 0 };

	if (!find_member(fd, devno, &member))
		return -1;
	snprintf(args.name, sizeof(args.name), "%llu:max",
		 (unsigned long long)member.devid);
	return ioctl(fd, BTRFS_IOC_RESIZE, &args);
}

int fs_grow(const struct mounted *mounted, struct devno devno, uint64_t bytes,
	    struct error *error)
{
	int result;

	if (is_ext(mounted->type))
		result = grow_ext(mounted->fd, bytes);
	else if (!strcmp(mounted->type, "xfs"))
		result = grow_xfs(mounted->fd, bytes);
	else
		result = grow_btrfs(mounted->fd, devno);
	if (!result)
		return 0;
	return refuse(error, "the device has grown, but not the %s on %s: %s",
		      mounted->type, mounted->where, strerror(errno));
}
