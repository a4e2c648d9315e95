/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two tracepoints, at the start and the end of a request's wait: statistics
 * show how much a device was throttled, these show which request, for how long
 * and by which limit. Both are on the waiting path only, so a request that does
 * not wait pays nothing for them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM qthrottle

#if !defined(QDM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define QDM_TRACE_H

#include <linux/tracepoint.h>

/* Numbers of enum qt_bucket, of which user space sees only the word. */
#define qt_show_bucket(bucket)						\
	__print_symbolic(bucket,					\
			 { 0, "bps-total" }, { 1, "bps-read" },		\
			 { 2, "bps-write" }, { 3, "iops-total" },	\
			 { 4, "iops-read" }, { 5, "iops-write" },	\
			 { 6, "turn" })

TRACE_EVENT(qthrottle_throttle,
	    TP_PROTO(const struct qt_member *member, const struct bio *bio,
		     enum qt_dir dir, enum qt_bucket full, u64 wait),
	    TP_ARGS(member, bio, dir, full, wait),
	    TP_STRUCT__entry(__field(dev_t, dev)
			     __field(u64, sector)
			     __field(u32, bytes)
			     __field(bool, write)
			     __field(u8, full)
			     __field(u64, wait)
			     __field(u64, waiting)),
	    TP_fast_assign(__entry->dev = member->dev;
			   __entry->sector = bio->bi_iter.bi_sector;
			   __entry->bytes = bio->bi_iter.bi_size;
			   __entry->write = dir == QT_WRITE;
			   __entry->full = full;
			   __entry->wait = wait;
			   __entry->waiting = member->queue[dir].stats->waiting;),
	    TP_printk("%d:%d %s %u bytes at %llu full %s next in %llu ns, %llu waiting",
		      MAJOR(__entry->dev), MINOR(__entry->dev),
		      __entry->write ? "write" : "read", __entry->bytes,
		      __entry->sector, qt_show_bucket(__entry->full),
		      __entry->wait, __entry->waiting)
);

TRACE_EVENT(qthrottle_release,
	    TP_PROTO(const struct qt_member *member, const struct bio *bio,
		     enum qt_dir dir, u64 waited),
	    TP_ARGS(member, bio, dir, waited),
	    TP_STRUCT__entry(__field(dev_t, dev)
			     __field(u64, sector)
			     __field(u32, bytes)
			     __field(bool, write)
			     __field(bool, drained)
			     __field(u64, waited)
			     __field(u64, waiting)),
	    TP_fast_assign(__entry->dev = member->dev;
			   __entry->sector = bio->bi_iter.bi_sector;
			   __entry->bytes = bio->bi_iter.bi_size;
			   __entry->write = dir == QT_WRITE;
			   __entry->drained = member->draining;
			   __entry->waited = waited;
			   __entry->waiting = member->queue[dir].stats->waiting;),
	    TP_printk("%d:%d %s %u bytes at %llu waited %llu ns%s, %llu waiting",
		      MAJOR(__entry->dev), MINOR(__entry->dev),
		      __entry->write ? "write" : "read", __entry->bytes,
		      __entry->sector, __entry->waited,
		      __entry->drained ? ", drained" : "", __entry->waiting)
);

#endif /* QDM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
