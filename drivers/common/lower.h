/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one device below a filter, mapped one to one. Code common to all targets;
 * the two functions of the hot path are inline.
 */
#ifndef QDM_LOWER_H
#define QDM_LOWER_H

#include <linux/bio.h>
#include <linux/device-mapper.h>

#include "args.h"

/**
 * struct qdm_lower - the device below a filter
 * @dev: the device
 * @start: first sector used of it
 * @shift: added to a sector of the mapped device, modulo 2^64
 */
struct qdm_lower {
	struct dm_dev *dev;
	sector_t start;
	sector_t shift;
};

/* Flushes have no data and no sector. */
static inline bool qdm_has_data(const struct bio *bio)
{
	return bio->bi_iter.bi_size;
}

/* With the call at the end, few values must be kept over it. */
static inline void qdm_lower_map(const struct qdm_lower *lower, struct bio *bio)
{
	bio->bi_iter.bi_sector += lower->shift;
	bio_set_dev(bio, lower->dev->bdev);
}

int qdm_lower_check_room(const struct qdm_lower *lower, sector_t len,
			 const char *path, struct qdm_why *why);
int qdm_lower_open(struct qdm_lower *lower, struct dm_target *ti,
		   const char *path, const char *offset, struct qdm_why *why);
int qdm_lower_get(struct qdm_lower *lower, struct dm_target *ti,
		  const char *path, const char *offset, struct qdm_why *why);
void qdm_lower_put(struct qdm_lower *lower, struct dm_target *ti);
void qdm_lower_pass_all(struct dm_target *ti);
int qdm_lower_iterate(const struct qdm_lower *lower, struct dm_target *ti,
		      iterate_devices_callout_fn fn, void *data);
int qdm_lower_prepare_ioctl(const struct qdm_lower *lower,
			    struct dm_target *ti, struct block_device **bdev);

#ifdef CONFIG_BLK_DEV_ZONED
int qdm_lower_report_zones(const struct qdm_lower *lower, struct dm_target *ti,
			   struct dm_report_zones_args *args,
			   unsigned int nr_zones);
#endif

#if IS_ENABLED(CONFIG_FS_DAX)
struct dax_device *qdm_lower_dax(const struct qdm_lower *lower,
				 struct dm_target *ti, pgoff_t *pgoff);
#endif

#endif /* QDM_LOWER_H */
