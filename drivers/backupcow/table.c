// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parses a table line and checks the devices it names. Later faults, above all
 * a destination that is the origin, shares sectors with it, or is in use, are
 * refused here with a message that names the fault.
 *
 * Locking: lines_lock guards the list of all lines and is a leaf.
 */
#include <linux/blkdev.h>
#include <linux/delay.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>

#include "table.h"

#define CLUSTER_MIN	8
#define CLUSTER_MAX	131072

/* Time for programs that probe new devices, such as udev's, to close them. */
#define ALONE_TRIES	200
#define ALONE_AGAIN_MS	50

static LIST_HEAD(lines);
static DEFINE_MUTEX(lines_lock);

static int parse_cluster(struct bcow_table *line, const char *word,
			 struct qdm_why *why)
{
	int r = qdm_parse_u64("the cluster size in sectors", word, CLUSTER_MIN,
			      CLUSTER_MAX, &line->cluster, why);

	if (!r && !is_power_of_2(line->cluster))
		r = qdm_refuse(why, "the cluster size must be a power of two within [%d, %d] sectors, not %s",
			       CLUSTER_MIN, CLUSTER_MAX, word);
	return r;
}

/* "<cluster sectors> [<#opts> {<option> <value>}...]" */
static int parse_line(struct bcow_table *line, unsigned int argc, char **argv,
		      struct qdm_why *why)
{
	int r = parse_cluster(line, argv[0], why);

	if (r)
		return r;
	qdm_opts_default(&bcow_option_table, &line->opts);
	r = qdm_opts_parse_group(&bcow_option_table, &line->opts, argc - 1,
				 argv + 1, NULL, why);
	if (!r && line->opts.sync == SYNC_BITMAP)
		r = qdm_refuse(why, "sync bitmap needs dirty bitmaps, which this version does not have: allowed are full none");
	return r;
}

static int check_kind(const struct qdm_lower *lower, struct dm_target *ti,
		      const char *path, struct qdm_why *why)
{
	struct block_device *bdev = lower->dev->bdev;

	if (bdev->bd_disk == dm_disk(dm_table_get_md(ti->table)))
		return qdm_refuse(why, "'%.100s' is the device itself", path);
	if (bdev_is_zoned(bdev))
		return qdm_refuse(why, "'%.100s' is a zoned device, whose zone operations cannot be copied before",
				  path);
	if (blk_queue_dax(bdev_get_queue(bdev)))
		return qdm_refuse(why, "'%.100s' is a DAX device, which can be written to without any bio",
				  path);
	return 0;
}

static u64 begin_on_disk(const struct qdm_lower *lower)
{
	return get_start_sect(lower->dev->bdev) + lower->start;
}

static bool ranges_overlap(const struct bcow_table *line, sector_t origin_len,
			   sector_t target_len)
{
	u64 origin = begin_on_disk(&line->origin);
	u64 target = begin_on_disk(&line->target);

	return line->origin.dev->bdev->bd_disk ==
	       line->target.dev->bdev->bd_disk &&
	       origin < target + target_len && target < origin + origin_len;
}

static int check_cluster(const struct bcow_table *line,
			 const struct qdm_lower *lower, const char *path,
			 struct qdm_why *why)
{
	unsigned int size = bdev_logical_block_size(lower->dev->bdev);

	if (line->cluster << SECTOR_SHIFT < size)
		return qdm_refuse(why, "a cluster of %llu sectors is smaller than the logical block of '%.60s', %u bytes",
				  line->cluster, path, size);
	return 0;
}

static int check_blocks(const struct bcow_table *line, sector_t len,
			const char *path, struct qdm_why *why)
{
	unsigned int size = bdev_logical_block_size(line->target.dev->bdev);
	unsigned int origin_size =
		bdev_logical_block_size(line->origin.dev->bdev);

	if (size > origin_size)
		return qdm_refuse(why, "target '%.60s' has logical blocks of %u bytes, larger than the origin's %u",
				  path, size, origin_size);
	if ((line->target.start | len) & ((size >> SECTOR_SHIFT) - 1))
		return qdm_refuse(why, "target offset %llu and length %llu must be multiples of the target's logical block of %u bytes",
				  (u64)line->target.start, (u64)len, size);
	return 0;
}

static bool has_destination(const struct bcow_table *line, dev_t dev)
{
	return line->has_target && line->target.dev->bdev->bd_dev == dev;
}

/* Does a later line of the same mapped device have this destination? */
static bool has_another(struct bcow_table *line, dev_t dev)
{
	const struct mapped_device *owner = line->owner;

	list_for_each_entry_continue(line, &lines, all)
		if (line->owner == owner && has_destination(line, dev))
			return true;
	return false;
}

/* Number of mapped devices other than @owner with backups to a device. */
static int other_owners(dev_t dev, const struct mapped_device *owner)
{
	struct bcow_table *line;
	int nr = 0;

	mutex_lock(&lines_lock);
	list_for_each_entry(line, &lines, all)
		nr += line->owner != owner && has_destination(line, dev) &&
		      !has_another(line, dev);
	mutex_unlock(&lines_lock);
	return nr;
}

static bool has_own_backup_to(const struct mapped_device *owner, dev_t dev)
{
	struct bcow_table *line;
	bool found = false;

	mutex_lock(&lines_lock);
	list_for_each_entry(line, &lines, all)
		found |= line->owner == owner && has_destination(line, dev);
	mutex_unlock(&lines_lock);
	return found;
}

/*
 * dm claims a device once per mapped device that uses it. A whole disk counts a
 * claim twice: for itself and for its partitions.
 */
static bool used_by_others(struct block_device *bdev,
			   const struct mapped_device *md)
{
	int ours = 1 + other_owners(bdev->bd_dev, md);

	return bdev->bd_holders > (bdev_is_partition(bdev) ? ours : 2 * ours);
}

/* Number of openers other than new backups to the device. */
static int foreign_openers(const struct bcow_table *line,
			   struct block_device *bdev)
{
	return atomic_read(&bdev->bd_openers) - bcow_handles(bdev->bd_dev) -
	       other_owners(bdev->bd_dev, line->owner);
}

/*
 * Claims of others show as holders, plain opens do not. An opener of the whole
 * disk may also write to a destination that is a partition.
 */
static bool opened_by_others(const struct bcow_table *line)
{
	struct block_device *bdev = line->target.dev->bdev;
	struct gendisk *disk = bdev->bd_disk;

	if (foreign_openers(line, bdev) > 1)
		return true;
	return bdev_is_partition(bdev) &&
	       foreign_openers(line, disk->part0) >
		       qdm_opened_by_partitions(disk);
}

/**
 * bcow_table_await_alone - wait until nothing else has the destination open
 * @line: the line, which has a destination
 * @path: name of the destination
 * @why: the reason, if refused
 *
 * A program that has a virtual machine's disk open holds no claim.
 * Return: 0, or a negative errno.
 */
int bcow_table_await_alone(const struct bcow_table *line, const char *path,
			   struct qdm_why *why)
{
	int tries;

	for (tries = 0; !line->opts.share && opened_by_others(line); tries++)
		if (tries == ALONE_TRIES || signal_pending(current) ||
		    msleep_interruptible(ALONE_AGAIN_MS))
			return qdm_refuse(why, "destination '%.100s' is open in another program",
					  path);
	return 0;
}

/* Tests the origins of all lines of the mapped device, also the live one's. */
static bool overlaps_own_data(const struct bcow_table *line, sector_t len)
{
	u64 begin = begin_on_disk(&line->target), other;
	struct bcow_table *own;
	bool found = false;

	mutex_lock(&lines_lock);
	list_for_each_entry(own, &lines, all) {
		other = begin_on_disk(&own->origin);
		found |= own->owner == line->owner &&
			 own->origin.dev->bdev->bd_disk ==
				 line->target.dev->bdev->bd_disk &&
			 begin < other + own->sectors && other < begin + len;
	}
	mutex_unlock(&lines_lock);
	return found;
}

/**
 * bcow_table_judge_target - check that the destination can hold a backup
 * @line: the line, with a destination
 * @ti: target under construction
 * @len: sectors to be written there
 * @path: name of the destination
 * @why: the reason, if refused
 *
 * Return: 0, or a negative errno.
 */
int bcow_table_judge_target(const struct bcow_table *line, struct dm_target *ti,
			    sector_t len, const char *path, struct qdm_why *why)
{
	struct block_device *bdev = line->target.dev->bdev;
	int r = qdm_lower_check_room(&line->target, len, path, why);

	if (r)
		return r;
	if (bdev_read_only(bdev))
		return qdm_refuse(why, "target '%.100s' is read-only", path);
	if (used_by_others(bdev, dm_table_get_md(ti->table)))
		return qdm_refuse(why, "target '%.100s' is in use by another device-mapper device",
				  path);
	if (ranges_overlap(line, ti->len, len) || overlaps_own_data(line, len))
		return qdm_refuse(why, "target '%.60s' from sector %llu on overlaps the origin",
				  path, (u64)line->target.start);
	return check_blocks(line, len, path, why);
}

/* A device that is not found is refused by dm itself, when it is opened. */
static int find_dev(const char *path, dev_t *dev)
{
	unsigned int major, minor;
	char rest;

	*dev = 0;
	if (sscanf(path, "%u:%u%c", &major, &minor, &rest) == 2)
		*dev = MKDEV(major, minor);
	else if (lookup_bdev(path, dev) == -ENOMEM)
		return -ENOMEM;
	return 0;
}

static int judge_claim(const struct bcow_table *line, const char *path,
		       dev_t dev, int before, struct qdm_why *why)
{
	const struct block_device *bdev = line->target.dev->bdev;

	if (bdev->bd_dev != dev)
		return qdm_refuse(why, "destination '%.100s' became another device at this moment",
				  path);
	if (before == bdev->bd_holders && line->origin.dev->bdev != bdev &&
	    !has_own_backup_to(line->owner, dev))
		return qdm_refuse(why, "destination '%.100s' is what the device itself lies on",
				  path);
	return 0;
}

/* Pins the device number. Return: 0, even if not opened, or -ENOMEM. */
static int hold_device(const char *path, dev_t *dev, struct file **file)
{
	int r = find_dev(path, dev);

	*file = NULL;
	if (r)
		return r;
	*file = bdev_file_open_by_dev(*dev, BLK_OPEN_READ | BLK_OPEN_WRITE,
				      NULL, NULL);
	if (!IS_ERR(*file))
		return 0;
	r = PTR_ERR(*file) == -ENOMEM ? -ENOMEM : 0;
	*file = NULL;
	return r;
}

/*
 * Claims the destination. A device already claimed by the mapped device is
 * below it, unless claimed for a backup or as the origin of the line.
 */
static int claim_target(struct bcow_table *line, struct dm_target *ti,
			char **argv, struct qdm_why *why)
{
	struct file *file;
	int before, r;
	dev_t dev;

	r = hold_device(argv[0], &dev, &file);
	if (r) {
		qdm_refuse(why, "out of memory");
		return r;
	}
	before = file ? file_bdev(file)->bd_holders : -1;
	r = qdm_lower_open(&line->target, ti, argv[0], argv[1], why);
	if (r == -EBUSY)
		qdm_refuse(why, "destination '%.100s' is in use: mounted, swapped to, or claimed by another driver",
			   argv[0]);
	if (!r) {
		r = judge_claim(line, argv[0], dev, before, why);
		if (r)
			qdm_lower_put(&line->target, ti);
	}
	if (file)
		qdm_bdev_close(file);
	return r;
}

static int open_target(struct bcow_table *line, struct dm_target *ti,
		       char **argv, struct qdm_why *why)
{
	int r;

	line->has_target = strcmp(argv[0], "-");
	if (!line->has_target)
		return qdm_parse_u64("the target offset in sectors", argv[1], 0,
				     U64_MAX >> 10, &line->target_start, why);
	if (!(dm_table_get_mode(ti->table) & BLK_OPEN_WRITE))
		return qdm_refuse(why, "a read-only table cannot have a target");
	r = claim_target(line, ti, argv, why);
	if (r)
		return r;
	line->target_start = line->target.start;
	r = check_kind(&line->target, ti, argv[0], why);
	if (r)
		qdm_lower_put(&line->target, ti);
	return r;
}

/**
 * bcow_table_open - parse a table line and open its devices; does not check the
 *	destination
 * @line: the result
 * @ti: target under construction
 * @argc: number of words
 * @argv: "<origin> <offset> <target>|- <target offset> <cluster sectors>
 *	[<#opts> {<option> <value>}...]"
 * @why: the reason, if refused
 *
 * Return: 0, or a negative errno with nothing left open.
 */
int bcow_table_open(struct bcow_table *line, struct dm_target *ti,
		    unsigned int argc, char **argv, struct qdm_why *why)
{
	int r;

	if (argc < 5)
		return qdm_refuse(why, "%u words, needed are: <origin> <offset> <target>|- <target offset> <cluster sectors> [<#opts> {<option> <value>}...]",
				  argc);
	r = parse_line(line, argc - 4, argv + 4, why);
	if (r)
		return r;
	line->owner = dm_table_get_md(ti->table);
	line->sectors = ti->len;
	r = qdm_lower_get(&line->origin, ti, argv[0], argv[1], why);
	if (r)
		return r;
	r = check_kind(&line->origin, ti, argv[0], why);
	if (!r)
		r = check_cluster(line, &line->origin, argv[0], why);
	if (!r)
		r = open_target(line, ti, argv + 2, why);
	if (r) {
		qdm_lower_put(&line->origin, ti);
		return r;
	}
	mutex_lock(&lines_lock);
	list_add(&line->all, &lines);
	mutex_unlock(&lines_lock);
	return 0;
}

/**
 * bcow_table_close - close the devices of a line
 * @line: the line
 * @ti: the target
 */
void bcow_table_close(struct bcow_table *line, struct dm_target *ti)
{
	mutex_lock(&lines_lock);
	list_del(&line->all);
	mutex_unlock(&lines_lock);
	if (line->has_target)
		qdm_lower_put(&line->target, ti);
	qdm_lower_put(&line->origin, ti);
}

/**
 * bcow_table_place - which backup a line with a destination describes
 * @line: the line
 * @ti: the target
 * @place: result
 */
void bcow_table_place(const struct bcow_table *line, const struct dm_target *ti,
		      struct bcow_place *place)
{
	place->target = line->target.dev->bdev->bd_dev;
	place->start = line->target.start;
	place->sectors = ti->len;
	place->shift = ilog2(line->cluster);
	place->run = line->opts.run;
	place->owner = dm_table_get_md(ti->table);
	place->disk = dm_disk(dm_table_get_md(ti->table));
}
