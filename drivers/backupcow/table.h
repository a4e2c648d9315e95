/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A table line of backupcow, parsed and checked. All faults are found here, in
 * the constructor, before anything has changed.
 */
#ifndef BACKUPCOW_TABLE_H
#define BACKUPCOW_TABLE_H

#include <linux/device-mapper.h>

#include "args.h"
#include "job.h"
#include "lower.h"

/**
 * struct bcow_table - a parsed table line
 * @origin: device that is backed up
 * @target: destination, if there is one
 * @has_target: there is a destination
 * @target_start: first sector used of the destination, also if there is none
 * @cluster: cluster size in sectors
 * @opts: the options
 * @all: in the list of all lines with open devices
 * @owner: mapped device, only compared
 * @sectors: length of the line
 */
struct bcow_table {
	struct qdm_lower origin;
	struct qdm_lower target;
	bool has_target;
	u64 target_start;
	u64 cluster;
	struct bcow_options opts;
	struct list_head all;
	const struct mapped_device *owner;
	sector_t sectors;
};

int bcow_table_open(struct bcow_table *line, struct dm_target *ti,
		    unsigned int argc, char **argv, struct qdm_why *why);
int bcow_table_judge_target(const struct bcow_table *line, struct dm_target *ti,
			    sector_t len, const char *path,
			    struct qdm_why *why);
int bcow_table_await_alone(const struct bcow_table *line, const char *path,
			   struct qdm_why *why);
void bcow_table_close(struct bcow_table *line, struct dm_target *ti);
void bcow_table_place(const struct bcow_table *line, const struct dm_target *ti,
		      struct bcow_place *place);

#endif /* BACKUPCOW_TABLE_H */
