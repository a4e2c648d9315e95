// SPDX-License-Identifier: GPL-2.0-only
/*
 * A target that does nothing, as the floor of what any target can cost. dm
 * calls its own linear target directly and every other one through a guarded
 * indirect call, so even this one costs more than linear. It is built and
 * loaded for the benchmarks and never installed.
 *
 * Table line: <start> <length> bench-empty <device>
 */
#include <linux/bio.h>
#include <linux/device-mapper.h>
#include <linux/module.h>

static int empty_ctr(struct dm_target *ti, unsigned int argc, char **argv)
{
	struct dm_dev *dev;
	int r;

	if (argc != 1) {
		ti->error = "needs exactly one word: the device";
		return -EINVAL;
	}
	r = dm_get_device(ti, argv[0], dm_table_get_mode(ti->table), &dev);
	if (r) {
		ti->error = "cannot open the device";
		return r;
	}
	ti->num_flush_bios = 1;
	ti->num_discard_bios = 1;
	ti->private = dev;
	return 0;
}

static void empty_dtr(struct dm_target *ti)
{
	dm_put_device(ti, ti->private);
}

static int empty_map(struct dm_target *ti, struct bio *bio)
{
	struct dm_dev *dev = ti->private;

	bio_set_dev(bio, dev->bdev);
	bio->bi_iter.bi_sector = dm_target_offset(ti, bio->bi_iter.bi_sector);
	return DM_MAPIO_REMAPPED;
}

static int empty_iterate_devices(struct dm_target *ti,
				 iterate_devices_callout_fn fn, void *data)
{
	return fn(ti, ti->private, 0, ti->len, data);
}

static struct target_type empty_target = {
	.name = "bench-empty",
	.version = { 1, 0, 0 },
	.module = THIS_MODULE,
	.features = DM_TARGET_NOWAIT,
	.ctr = empty_ctr,
	.dtr = empty_dtr,
	.map = empty_map,
	.iterate_devices = empty_iterate_devices,
};
module_dm(empty);

MODULE_DESCRIPTION("device-mapper target that does nothing, for benchmarks");
MODULE_AUTHOR("the qdm developers");
MODULE_LICENSE("GPL");
