/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tool needs of device-mapper, and the only door to it. Everything
 * above works on these structures, so the tests put another dm.c behind them.
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
	uint32_t event_nr;	/* how many events its targets have raised */
	bool live;		/* has a live table */
	bool pending;		/* has a table loaded and not yet live */
	bool suspended;
	bool deferred;		/* goes when nobody has it open any more */
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

/* What goes with a resume, or with the first resume in a create. */
struct kdm_how {
	bool inner;		/* udev must not look inside for a file system */
	bool freeze;		/* sync and freeze a mounted file system */
	bool same;		/* the content is as before: udev need not look */
	uint32_t read_ahead;	/* sectors to keep, with the queue's other settings; 0: none */
};

int kdm_open(struct error *error);

/* All names; the caller frees the array. */
int kdm_list(char (**names)[KDM_NAME_LEN], size_t *nr, struct error *error);
/* 1 when there, 0 when there is no such device, -1 on error. */
int kdm_find(const char *name, struct kdm_device *device, struct error *error);
/* The same with its table, at the cost of one. */
int kdm_look(const char *name, struct kdm_device *device,
	     struct kdm_table *table, struct error *error);
int kdm_deps(const char *name, struct devno **deps, size_t *nr,
	     struct error *error);
/* Of the table that is loaded and not live. */
int kdm_loaded_deps(const char *name, struct devno **deps, size_t *nr,
		    struct error *error);
int kdm_table(const char *name, struct kdm_table *table, struct error *error);
/* The table that is loaded and not live, without a line if there is none. */
int kdm_loaded(const char *name, struct kdm_table *table, struct error *error);
int kdm_status(const char *name, struct kdm_table *table, struct error *error);
uint32_t kdm_read_ahead(const char *name);

/* Loads the module that has the target, if need be. */
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
/* Resumes without a word to udev, for who must not wait for anything. */
void kdm_rescue(const char *name);
/* Flags an open device for removal as soon as it is closed, and takes that back. */
int kdm_defer(const char *name, struct error *error);
int kdm_keep(const char *name, struct error *error);
int kdm_suspend(const char *name, struct error *error);
int kdm_message(const char *name, const char *text, struct error *error);

/*
 * One descriptor that becomes readable (POLLIN) when any device has raised an
 * event, was made, resumed or removed since it was last armed. Arm first, then
 * look at the devices: then nothing is lost between looking and waiting.
 */
int kdm_poll_open(struct error *error);
int kdm_poll_arm(int fd, struct error *error);

/*
 * Between the two, every create, resume and remove is announced to udev under
 * one cookie; the second waits until udev is through with all of them.
 */
int kdm_udev_begin(struct error *error);
void kdm_udev_end(void);
/* For who is one of udev's rules, and may wait for no other. */
void kdm_udev_none(void);
/*
 * Semaphores that nobody waits for any more and nobody has touched for longer
 * than udev may take: whoever made them was killed. The caller frees the array.
 */
int kdm_stale_cookies(uint32_t **cookies, size_t *nr, struct error *error);
int kdm_drop_cookie(uint32_t cookie, struct error *error);

/* What tells a device from a later one of the same number. */
struct kdm_identity {
	char uuid[KDM_UUID_LEN];	/* device-mapper's, else empty */
	uint64_t diskseq;		/* 0 before Linux 5.15 */
};

void kdm_identity(struct devno devno, struct kdm_identity *identity);
/* The disk that it is a partition of; else the device itself. */
struct devno kdm_disk(struct devno devno);
/* Can it be read and written past device-mapper (DAX)? */
bool kdm_is_direct(struct devno devno);

void kdm_table_add(struct kdm_table *table, uint64_t start, uint64_t len,
		   const char *type, const char *params);
void kdm_table_copy(struct kdm_table *to, const struct kdm_table *from);
void kdm_table_free(struct kdm_table *table);
bool kdm_table_same(const struct kdm_table *a, const struct kdm_table *b);
uint64_t kdm_table_len(const struct kdm_table *table);

#endif /* QDM_KERNEL_DM_H */
