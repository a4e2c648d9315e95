/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file system on a device that grows, in any mount; see fs.c. */
#ifndef QDM_GROW_FS_H
#define QDM_GROW_FS_H

#include "grow/policy.h"
#include "kernel/dm.h"

#define FS_TYPE_LEN	16

struct mounted {
	int fd;				/* of a file in it, -1 if it is not mounted */
	char type[FS_TYPE_LEN];
	char where[256];		/* for messages */
	bool read_only;			/* mounted, but not writable */
	uint64_t size;
	uint64_t free;			/* for ordinary users */
};

/*
 * Finds a writable mount, in the namespace of any process, of a file system that can be
 * grown.
 */
void fs_find_mount(struct devno devno, struct mounted *mounted);
void fs_release(struct mounted *mounted);
/* Reads it again; fills in the view's members. */
bool fs_look(struct mounted *mounted, struct devno devno,
	     struct grow_view *view);
/* The same by its first blocks alone; the type, or NULL. */
const char *fs_probe(struct devno devno, uint64_t *size);
int fs_grow(const struct mounted *mounted, struct devno devno, uint64_t bytes,
	    struct error *error);
/* Are statfs's figures those of a folder with a quota? */
bool fs_has_quota(uint64_t says, uint64_t size);
/* The writers of a device that is not mounted. */
enum grow_users fs_users(struct devno devno, unsigned int open_count);
/* Is any file system being mounted? */
bool fs_is_mounting(void);

/* Parses a line of mountinfo, modifying its text; false if it is none. */
struct mount_line {
	struct devno devno;
	char *where;
	char *type;
	char *source;
	bool writable;
	bool fs_read_only;		/* not only this mount */
};
bool fs_read_line(char *text, struct mount_line *line);

#endif /* QDM_GROW_FS_H */
