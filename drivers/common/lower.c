// SPDX-License-Identifier: GPL-2.0-only
/*
 * Opens and describes the device below a filter. A filter must not remove any
 * feature of that device: discards, write zeroes, secure erase and ioctls are
 * passed on, and its limits are the lower device's.
 */
#include <linux/blkdev.h>
#include <linux/device-mapper.h>
#include <linux/module.h>

#include "lower.h"

/**
 * qdm_lower_check_room - check the size of the device
 * @lower: the device
 * @len: sectors needed, from its start
 * @path: its name
 * @why: the reason, if refused
 *
 * Return: 0, or a negative errno. dm checks the size again when it stacks the
 * limits, but cannot name the invalid word.
 */
int qdm_lower_check_room(const struct qdm_lower *lower, sector_t len,
			 const char *path, struct qdm_why *why)
{
	u64 sectors = bdev_nr_sectors(lower->dev->bdev);

	if (lower->start <= sectors && len <= sectors - lower->start)
		return 0;
	return qdm_refuse(why, "'%.70s' has %llu sectors, too few for %llu from %llu on",
			  path, sectors, (u64)len, (u64)lower->start);
}
EXPORT_SYMBOL_GPL(qdm_lower_check_room);

/**
 * qdm_lower_open - open a device named by a table line
 * @lower: result
 * @ti: target under construction
 * @path: the device
 * @offset: first sector of it used
 * @why: the reason, if refused
 *
 * Return: 0, or a negative errno.
 */
int qdm_lower_open(struct qdm_lower *lower, struct dm_target *ti,
		   const char *path, const char *offset, struct qdm_why *why)
{
	u64 start;
	int r;

	r = qdm_parse_u64("the offset in sectors", offset, 0, U64_MAX >> 10,
			  &start, why);
	if (r)
		return r;
	lower->start = start;
	lower->shift = start - ti->begin;
	r = dm_get_device(ti, path, dm_table_get_mode(ti->table), &lower->dev);
	if (r)
		qdm_refuse(why, "cannot open device '%.100s': error %d", path, r);
	return r;
}
EXPORT_SYMBOL_GPL(qdm_lower_open);

/**
 * qdm_lower_get - open the first device of a table line
 * @lower: result
 * @ti: target under construction
 * @path: the device
 * @offset: first sector of it used
 * @why: the reason, if refused
 *
 * Return: 0, or a negative errno.
 */
int qdm_lower_get(struct qdm_lower *lower, struct dm_target *ti,
		  const char *path, const char *offset, struct qdm_why *why)
{
	int r = qdm_lower_open(lower, ti, path, offset, why);

	if (r)
		return r;
	r = qdm_lower_check_room(lower, ti->len, path, why);
	if (r)
		qdm_lower_put(lower, ti);
	return r;
}
EXPORT_SYMBOL_GPL(qdm_lower_get);

/**
 * qdm_lower_put - close the device
 * @lower: the device
 * @ti: the target
 */
void qdm_lower_put(struct qdm_lower *lower, struct dm_target *ti)
{
	dm_put_device(ti, lower->dev);
}
EXPORT_SYMBOL_GPL(qdm_lower_put);

/**
 * qdm_lower_pass_all - accept every kind of bio that the lower device accepts
 * @ti: target under construction
 */
void qdm_lower_pass_all(struct dm_target *ti)
{
	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	ti->num_secure_erase_bios = 1;
	ti->num_write_zeroes_bios = 1;
}
EXPORT_SYMBOL_GPL(qdm_lower_pass_all);

/**
 * qdm_lower_iterate - body of a target's iterate_devices
 * @lower: the device
 * @ti: the target
 * @fn: callback
 * @data: for @fn
 */
int qdm_lower_iterate(const struct qdm_lower *lower, struct dm_target *ti,
		      iterate_devices_callout_fn fn, void *data)
{
	return fn(ti, lower->dev, lower->start, ti->len, data);
}
EXPORT_SYMBOL_GPL(qdm_lower_iterate);

/**
 * qdm_lower_prepare_ioctl - body of a target's prepare_ioctl
 * @lower: the device
 * @ti: the target
 * @bdev: gets the device for an ioctl
 *
 * Return: 0 where the target is the whole device, so that any ioctl may pass; 1
 * where it is a part, so that only harmless ones may.
 */
int qdm_lower_prepare_ioctl(const struct qdm_lower *lower,
			    struct dm_target *ti, struct block_device **bdev)
{
	*bdev = lower->dev->bdev;
	return lower->start || ti->len != bdev_nr_sectors(*bdev);
}
EXPORT_SYMBOL_GPL(qdm_lower_prepare_ioctl);

#ifdef CONFIG_BLK_DEV_ZONED
/**
 * qdm_lower_report_zones - body of a target's report_zones
 * @lower: the device
 * @ti: the target
 * @args: dm's
 * @nr_zones: number of zones wanted
 *
 * Return: 0, or a negative errno.
 */
int qdm_lower_report_zones(const struct qdm_lower *lower, struct dm_target *ti,
			   struct dm_report_zones_args *args,
			   unsigned int nr_zones)
{
	sector_t from = dm_target_offset(ti, args->next_sector);

	return dm_report_zones(lower->dev->bdev, lower->start,
			       lower->start + from, args, nr_zones);
}
EXPORT_SYMBOL_GPL(qdm_lower_report_zones);
#endif

#if IS_ENABLED(CONFIG_FS_DAX)
/**
 * qdm_lower_dax - DAX device below
 * @lower: the device
 * @ti: the target
 * @pgoff: page of the mapped device; becomes that of the returned device
 *
 * Return: the DAX device; dm asks only where there is one.
 */
struct dax_device *qdm_lower_dax(const struct qdm_lower *lower,
				 struct dm_target *ti, pgoff_t *pgoff)
{
	sector_t sector = (sector_t)*pgoff << PAGE_SECTORS_SHIFT;

	sector = lower->start + dm_target_offset(ti, sector) +
		 get_start_sect(lower->dev->bdev);
	*pgoff = sector >> PAGE_SECTORS_SHIFT;
	return lower->dev->dax_dev;
}
EXPORT_SYMBOL_GPL(qdm_lower_dax);
#endif
