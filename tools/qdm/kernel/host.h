/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Block devices outside device-mapper; see host.c. */
#ifndef QDM_KERNEL_HOST_H
#define QDM_KERNEL_HOST_H

#include "kernel/dm.h"

/* Paths under /sys and /proc, for the caller to free. */
__attribute__((format(printf, 1, 2)))
char *host_sys(const char *fmt, ...);
__attribute__((format(printf, 1, 2)))
char *host_proc(const char *fmt, ...);
/* The first line of such a file, without its end; takes @path. */
bool host_line(char *path, char *text, size_t len);
/* The device number in the file "dev" of that sysfs folder; takes @folder. */
bool host_number(char *folder, struct devno *devno);

/* Is the path a block device? Fills in its number. */
bool host_device(const char *path, struct devno *devno);
/* Opens the device with that number, or -1 with errno. */
int host_open(struct devno devno, int flags);

/* Decodes the escapes in a word of /proc's tables. */
void host_unescape(char *text);
/* The program, as "qemu-system-x86 (pid 123)"; false if it is gone. */
bool host_program(int pid, char *text, size_t len);

/*
 * The devices beneath a device that is not device-mapper's: the members of an array,
 * the device behind a loop device, the disks of the file system with the loop device's
 * file. The caller frees the array.
 */
void host_below(struct devno devno, struct devno **below, size_t *nr);
/* The file behind a loop device. */
bool host_loop_file(struct devno devno, char *path, size_t len);
/* The block device behind a loop device. */
bool host_loop_device(const char *loop, struct devno *devno);

#endif /* QDM_KERNEL_HOST_H */
