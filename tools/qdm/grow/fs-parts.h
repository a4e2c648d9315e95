/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the files that implement fs.h. */
#ifndef QDM_GROW_FS_PARTS_H
#define QDM_GROW_FS_PARTS_H

#include <sys/stat.h>

#include "grow/fs.h"

/* fs.c */
bool ask_mounted(struct mounted *mounted, struct devno devno);

/* mounts.c */
bool is_device(const struct stat *info, struct devno devno);

#endif /* QDM_GROW_FS_PARTS_H */
