/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file system on a device that grows, wherever it is mounted; see fs.c. */
#ifndef QDM_GROW_FS_H
#define QDM_GROW_FS_H

#include "grow/policy.h"
#include "kernel/dm.h"

#define FS_TYPE_LEN	16

struct mounted {
	int fd;				/* of something in it, -1 if it is nowhere */
	char type[FS_TYPE_LEN];
	char where[256];		/* for people */
	bool read_only;			/* it is mounted, but nobody can write to it */
	uint64_t size;
	uint64_t free;			/* for ordinary users */
};

/*
 * Finds a mount that can be written through, in any namespace that a process is in, of
 * a file system that can be grown.
 */
void fs_find_mount(struct devno devno, struct mounted *mounted);
void fs_release(struct mounted *mounted);
/* A new look; fills in what the view has of it. */
bool fs_look(struct mounted *mounted, struct devno devno,
	     struct grow_view *view);
/* The same by its first blocks alone; the type, or NULL. */
const char *fs_probe(struct devno devno, uint64_t *size);
int fs_grow(const struct mounted *mounted, struct devno devno, uint64_t bytes,
	    struct error *error);
/* Is what statfs says of the whole that of a folder with a quota? */
bool fs_has_quota(uint64_t says, uint64_t size);
/* Who writes to a device that is mounted nowhere? */
enum grow_users fs_users(struct devno devno, unsigned int open_count);
/* Is some file system or other being mounted? */
bool fs_is_mounting(void);

/* One line of mountinfo, whose text is changed; false if it is none. */
struct mount_line {
	struct devno devno;
	char *where;
	char *type;
	char *source;
	bool writable;
	bool fs_read_only;		/* not this mount alone */
};
bool fs_read_line(char *text, struct mount_line *line);

#endif /* QDM_GROW_FS_H */
