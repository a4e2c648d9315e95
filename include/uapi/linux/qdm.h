/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * Names that kernel and user space share: targets, keys and actions of events,
 * and limits on names.
 */
#ifndef _UAPI_LINUX_QDM_H
#define _UAPI_LINUX_QDM_H

/* The release, shown by modinfo and qdm --version. */
#define QDM_VERSION		"0.2.0"

#define QDM_TARGET_QTHROTTLE	"qthrottle"
#define QDM_TARGET_BACKUPCOW	"backupcow"
#define QDM_TARGET_VIEW		"backupcow-view"
#define QDM_TARGET_WTHRESHOLD	"wthreshold"
#define QDM_TARGET_GUARD	"qguard"

/* Names of groups and bitmaps: letters, digits, '.', '_' and '-'. */
#define QDM_NAME_MAX		63

/* Name of a group of the device's own. */
#define QDM_GROUP_PRIVATE	"-"

/* DM_ACTION of the events, and their keys. */
#define QDM_ACTION_WRITE_THRESHOLD	"WRITE_THRESHOLD"
#define QDM_ACTION_BACKUP_COMPLETED	"BACKUP_COMPLETED"
#define QDM_ACTION_BACKUP_CANCELLED	"BACKUP_CANCELLED"
#define QDM_ACTION_BACKUP_ERROR		"BACKUP_ERROR"
#define QDM_ACTION_BACKUP_IO_ERROR	"BACKUP_IO_ERROR"
#define QDM_ACTION_SNAPSHOT_BROKEN	"SNAPSHOT_BROKEN"

#define QDM_KEY_WRITE_THRESHOLD		"DM_WRITE_THRESHOLD"
#define QDM_KEY_AMOUNT_EXCEEDED		"DM_AMOUNT_EXCEEDED"
#define QDM_KEY_BACKUP_OFFSET		"DM_BACKUP_OFFSET"
#define QDM_KEY_BACKUP_LEN		"DM_BACKUP_LEN"
#define QDM_KEY_BACKUP_OPERATION	"DM_BACKUP_OPERATION"
#define QDM_KEY_BACKUP_ACTION		"DM_BACKUP_ACTION"
#define QDM_KEY_BACKUP_ERROR		"DM_BACKUP_ERROR"
#define QDM_KEY_SNAPSHOT_ERROR		"DM_SNAPSHOT_ERROR"
#define QDM_KEY_MERGED			"DM_MERGED"

#endif /* _UAPI_LINUX_QDM_H */
