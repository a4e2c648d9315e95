// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The file system on a device that grows: its mounts, its free space, and its
 * extension.
 *
 * A container's mount is missing in every other namespace's list, and resize2fs and
 * xfs_growfs cannot find it from outside; running the container's programs as root
 * would mean trusting it. So the lists of all processes are read, a file in the mount
 * is opened by its path below that process's root, which no link can leave, and is used
 * only if it is on the device. The rest are the kernel's own ioctls on that file, the
 * same that those programs use.
 */
#include <ctype.h>
#include <dirent.h>
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
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/alloc.h"
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
 * Mounts
 */

/* The list escapes blanks and other special characters, such as \040. */
static void unescape(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		*to = *text;
		if (*text != '\\' || strspn(text + 1, "01234567") < 3)
			continue;
		*to = (text[1] - '0') << 6 | (text[2] - '0') << 3 |
		      (text[3] - '0');
		text += 3;
	}
	*to = '\0';
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, word, len) && (!list[len] || list[len] == ','))
			return true;
	}
	return false;
}

/* "36 35 98:0 /root /where rw,noatime shared:1 - ext4 /dev/root rw" */
bool fs_read_line(char *text, struct mount_line *line)
{
	char *save = NULL, *options, *all;
	char *rest = strstr(text, " - ");

	if (!rest)
		return false;
	*rest = '\0';
	strtok_r(text, " ", &save);
	strtok_r(NULL, " ", &save);
	all = strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save);
	line->where = strtok_r(NULL, " ", &save);
	options = strtok_r(NULL, " ", &save);
	if (!options || sscanf(all, "%u:%u", &line->devno.major,
			       &line->devno.minor) != 2)
		return false;
	line->type = strtok_r(rest + 3, " \n", &save);
	line->source = strtok_r(NULL, " \n", &save);
	all = strtok_r(NULL, " \n", &save);
	if (!all)
		return false;
	line->fs_read_only = !has_word(all, "rw");
	line->writable = has_word(options, "rw") && !line->fs_read_only;
	unescape(line->where);
	unescape(line->source);
	return true;
}

static bool is_device(const struct stat *info, struct devno devno)
{
	return S_ISBLK(info->st_mode) && major(info->st_rdev) == devno.major &&
	       minor(info->st_rdev) == devno.minor;
}

/* In the list, btrfs has a device number of its own, and the path of one of its devices. */
static bool is_on(const struct mount_line *line, struct devno devno)
{
	struct stat info;

	if (line->devno.major == devno.major && line->devno.minor == devno.minor)
		return true;
	return !strcmp(line->type, "btrfs") && !stat(line->source, &info) &&
	       is_device(&info, devno);
}

/* Another mount may hide it. A btrfs subvolume has a device number of its own. */
static bool is_in(int found, const struct stat *info,
		  const struct mount_line *line)
{
	struct statfs fs;

	if (!strcmp(line->type, "btrfs"))
		return !fstatfs(found, &fs) && fs.f_type == BTRFS_SUPER_MAGIC;
	return info->st_dev == makedev(line->devno.major, line->devno.minor);
}

/* The file is checked before it is opened: it may be of any type. */
static int open_found(int found, const struct mount_line *line)
{
	struct stat info;
	char *path;
	int fd;

	if (fstat(found, &info) || !is_in(found, &info, line) ||
	    (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode)))
		return -1;
	path = print("/proc/self/fd/%d", found);
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	free(path);
	return fd;
}

static int open_in(const char *process, const struct mount_line *line)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT,
	};
	char *path = print("/proc/%s/root", process);
	int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int found, fd = -1;

	free(path);
	if (root < 0)
		return -1;
	found = syscall(SYS_openat2, root, line->where, &how, sizeof(how));
	close(root);
	if (found < 0)
		return -1;
	fd = open_found(found, line);
	close(found);
	return fd;
}

/* An open file would prevent an unmount. */
void fs_release(struct mounted *mounted)
{
	if (mounted->fd >= 0)
		close(mounted->fd);
	mounted->fd = -1;
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
static bool ask(struct mounted *mounted, struct devno devno)
{
	struct statfs info;

	if (fstatfs(mounted->fd, &info) ||
	    !ask_size(mounted, devno, &mounted->size) ||
	    fs_has_quota((uint64_t)info.f_blocks * info.f_bsize, mounted->size))
		return false;
	mounted->free = (uint64_t)info.f_bavail * info.f_bsize;
	return true;
}

static bool take(struct mounted *mounted, const struct mount_line *line,
		 const char *process, struct devno devno)
{
	mounted->fd = open_in(process, line);
	snprintf(mounted->type, sizeof(mounted->type), "%s", line->type);
	if (strcmp(process, "self"))
		snprintf(mounted->where, sizeof(mounted->where),
			 "%s of process %s", line->where, process);
	else
		snprintf(mounted->where, sizeof(mounted->where), "%s",
			 line->where);
	return mounted->fd >= 0 && ask(mounted, devno);
}

/* A file system that is read-only as a whole has no writers, in any mount. */
static bool take_line(char *text, const char *process, struct devno devno,
		      struct mounted *mounted)
{
	struct mount_line line;
	bool taken;

	if (!fs_read_line(text, &line) || !is_on(&line, devno))
		return false;
	taken = take(mounted, &line, process, devno);
	if (taken && line.writable)
		return true;
	mounted->read_only |= taken && line.fs_read_only;
	fs_release(mounted);
	return false;
}

static bool find_in(const char *process, struct devno devno,
		    struct mounted *mounted)
{
	char *path = print("/proc/%s/mountinfo", process);
	FILE *list = fopen(path, "re");
	bool found = false;
	char *text = NULL;
	size_t room = 0;

	free(path);
	while (list && !found && getline(&text, &room, list) > 0)
		found = take_line(text, process, devno, mounted);
	free(text);
	if (list)
		fclose(list);
	return found;
}

/* Namespaces already searched, by inode number. */
struct seen {
	ino_t *number;
	size_t nr;
};

static bool is_new(struct seen *seen, const char *process)
{
	char *path = print("/proc/%s/ns/mnt", process);
	struct stat info;
	bool there = !stat(path, &info);
	size_t i;

	free(path);
	for (i = 0; there && i < seen->nr; i++)
		if (seen->number[i] == info.st_ino)
			return false;
	if (there) {
		seen->number = more(seen->number, seen->nr,
				    sizeof(*seen->number));
		seen->number[seen->nr++] = info.st_ino;
	}
	return there;
}

void fs_find_mount(struct devno devno, struct mounted *mounted)
{
	DIR *processes = opendir("/proc");
	struct seen seen = { 0 };
	struct dirent *entry;

	*mounted = (struct mounted){ .fd = -1 };
	if (is_new(&seen, "self") && find_in("self", devno, mounted))
		goto out;
	while (processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name) &&
		    is_new(&seen, entry->d_name) &&
		    find_in(entry->d_name, devno, mounted))
			break;
out:
	free(seen.number);
	if (processes)
		closedir(processes);
}

bool fs_look(struct mounted *mounted, struct devno devno,
	     struct grow_view *view)
{
	view->mounted = mounted->fd >= 0 && ask(mounted, devno);
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

/*
 * Users
 */

/* These programs read the device's length and write within it. */
static bool is_fitting(const char *process)
{
	static const char * const names[] = {
		"mkfs", "mke2fs", "mkswap", "fsck", "e2fsck", "xfs_repair",
		"resize2fs", "tune2fs", "wipefs", "blkdiscard",
	};
	char *path = print("/proc/%s/comm", process);
	char name[32] = "";
	FILE *file = fopen(path, "re");
	size_t i;

	free(path);
	if (file) {
		if (!fgets(name, sizeof(name), file))
			*name = '\0';
		fclose(file);
	}
	for (i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strncmp(name, names[i], strlen(names[i])))
			return true;
	return false;
}

/* Only links to names in /dev are followed: other targets may hang. */
static bool leads_to(int folder, const char *fd, struct devno devno)
{
	struct stat info;
	char name[8] = "";

	return readlinkat(folder, fd, name, sizeof(name) - 1) > 5 &&
	       !strncmp(name, "/dev/", 5) && !fstatat(folder, fd, &info, 0) &&
	       is_device(&info, devno);
}

static bool is_reader(const char *process, const char *fd)
{
	char *path = print("/proc/%s/fdinfo/%s", process, fd);
	FILE *file = fopen(path, "re");
	unsigned int flags = O_RDWR;
	char line[128];

	free(path);
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (file)
		fclose(file);
	return (flags & O_ACCMODE) == O_RDONLY;
}

struct opens {
	unsigned int readers;
	unsigned int fitting;
	unsigned int writers;
};

static void count_opens(const char *process, struct devno devno,
			struct opens *opens)
{
	char *path = print("/proc/%s/fd", process);
	DIR *folder = opendir(path);
	struct dirent *entry;

	free(path);
	while (folder && (entry = readdir(folder))) {
		if (!leads_to(dirfd(folder), entry->d_name, devno))
			continue;
		if (is_reader(process, entry->d_name))
			opens->readers++;
		else if (is_fitting(process))
			opens->fitting++;
		else
			opens->writers++;
	}
	if (folder)
		closedir(folder);
}

/* If no process has it open, the kernel does: for another device, or an export. */
enum grow_users fs_users(struct devno devno, unsigned int open_count)
{
	DIR *processes = open_count ? opendir("/proc") : NULL;
	struct opens opens = { 0 };
	struct dirent *entry;

	while (processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)*entry->d_name))
			count_opens(entry->d_name, devno, &opens);
	if (processes)
		closedir(processes);
	if (opens.writers)
		return USERS_WRITING;
	if (open_count > opens.readers + opens.fitting)
		return USERS_UNSEEN;
	return opens.fitting ? USERS_FITTING : USERS_NONE;
}

/* The two system calls in which the kernel reads a file system to mount it. */
static bool is_in_mount(const char *process)
{
	char *path = print("/proc/%s/syscall", process);
	FILE *file = fopen(path, "re");
	int number = -1;

	free(path);
	if (file) {
		if (fscanf(file, "%d", &number) != 1)
			number = -1;
		fclose(file);
	}
	return number == SYS_mount || number == SYS_fsconfig;
}

bool fs_is_mounting(void)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	while (processes && !found && (entry = readdir(processes)))
		found = isdigit((unsigned char)*entry->d_name) &&
			is_in_mount(entry->d_name);
	if (processes)
		closedir(processes);
	return found;
}
