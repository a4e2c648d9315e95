/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tool's only access to device-mapper. All other code uses these structures, so the
 * tests can replace dm.c.
 */
#ifndef QDM_KERNEL_DM_H
#define QDM_KERNEL_DM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define KDM_NAME_LEN	128
#define KDM_UUID_LEN	129

struct devno {
	unsigned int major;
	unsigned int minor;
};

static inline bool same_devno(struct devno a, struct devno b)
{
	return a.major == b.major && a.minor == b.minor;
}

struct kdm_device {
	char name[KDM_NAME_LEN];
	char uuid[KDM_UUID_LEN];
	struct devno devno;
	unsigned int open_count;
	uint32_t event_nr;	/* number of events raised by its targets */
	bool live;		/* has a live table */
	bool pending;		/* has a table loaded and not yet live */
	bool suspended;
	bool deferred;		/* removed when it is closed */
	bool read_only;
};

struct kdm_line {
	uint64_t start;
	uint64_t len;
	char *type;
	char *params;
};

struct kdm_table {
	struct kdm_line *line;
	size_t nr;
};

/* Options of a resume, or of the first resume in a create. */
struct kdm_how {
	bool inner;		/* udev must not look inside for a file system */
	bool freeze;		/* sync and freeze a mounted file system */
	bool same;		/* the content is unchanged: udev need not read it */
	uint32_t read_ahead;	/* sectors to keep, with the queue's other settings; 0: none */
};

int kdm_open(struct error *error);

/* All names; the caller frees the array. */
int kdm_list(char (**names)[KDM_NAME_LEN], size_t *nr, struct error *error);
/* 1 if found, 0 if there is no such device, -1 on error. */
int kdm_find(const char *name, struct kdm_device *device, struct error *error);
/* The same with its table, in a single ioctl. */
int kdm_look(const char *name, struct kdm_device *device,
	     struct kdm_table *table, struct error *error);
int kdm_deps(const char *name, struct devno **deps, size_t *nr,
	     struct error *error);
/* Of the inactive table. */
int kdm_loaded_deps(const char *name, struct devno **deps, size_t *nr,
		    struct error *error);
int kdm_table(const char *name, struct kdm_table *table, struct error *error);
/* The inactive table, without a line if there is none. */
int kdm_loaded(const char *name, struct kdm_table *table, struct error *error);
int kdm_status(const char *name, struct kdm_table *table, struct error *error);
uint32_t kdm_read_ahead(const char *name);

/* Loads the target's module, if necessary. */
int kdm_need_target(const char *type, struct error *error);
int kdm_create(const char *name, const char *uuid,
	       const struct kdm_table *table, const struct kdm_how *how,
	       struct error *error);
int kdm_load(const char *name, const struct kdm_table *table,
	     struct error *error);
int kdm_clear(const char *name, struct error *error);
int kdm_resume(const char *name, const struct kdm_how *how,
	       struct error *error);
int kdm_remove(const char *name, struct error *error);
int kdm_rename(const char *name, const char *to, const struct kdm_how *how,
	       struct error *error);
/* Resumes without notifying udev, for a caller that must not wait. */
void kdm_rescue(const char *name);
/* Sets and clears the deferred removal of an open device. */
int kdm_defer(const char *name, struct error *error);
int kdm_keep(const char *name, struct error *error);
int kdm_suspend(const char *name, struct error *error);
int kdm_message(const char *name, const char *text, struct error *error);

/*
 * A descriptor that becomes readable (POLLIN) when any device has raised an event, was
 * made, resumed or removed since it was last armed. Arm it first, then read the
 * devices, so that no event is lost in between.
 */
int kdm_poll_open(struct error *error);
int kdm_poll_arm(int fd, struct error *error);

/*
 * Between the two, every create, resume and remove is announced to udev under one
 * cookie; the second waits until udev has finished all of them.
 */
int kdm_udev_begin(struct error *error);
void kdm_udev_end(void);
/* For a caller that is run by udev's rules, and must not wait for them. */
void kdm_udev_none(void);
/*
 * Semaphores without a waiter that were not used for longer than udev may take: their
 * makers were killed. The caller frees the array.
 */
int kdm_stale_cookies(uint32_t **cookies, size_t *nr, struct error *error);
int kdm_drop_cookie(uint32_t cookie, struct error *error);

/* Distinguishes a device from a later one of the same number. */
struct kdm_identity {
	char uuid[KDM_UUID_LEN];	/* device-mapper's, else empty */
	uint64_t diskseq;		/* 0 before Linux 5.15 */
};

void kdm_identity(struct devno devno, struct kdm_identity *identity);
/* The disk of a partition; else the device itself. */
struct devno kdm_disk(struct devno devno);
/* Does it allow direct access, which bypasses device-mapper (DAX)? */
bool kdm_is_direct(struct devno devno);

void kdm_table_add(struct kdm_table *table, uint64_t start, uint64_t len,
		   const char *type, const char *params);
void kdm_table_copy(struct kdm_table *to, const struct kdm_table *from);
void kdm_table_free(struct kdm_table *table);
bool kdm_table_same(const struct kdm_table *a, const struct kdm_table *b);
uint64_t kdm_table_len(const struct kdm_table *table);

#endif /* QDM_KERNEL_DM_H */
