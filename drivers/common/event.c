// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends typed events as a dm event and a uevent. An event may be raised from
 * any context, also with a bio in hand, so it is copied into a small ring and
 * sent by a worker: dm_table_event() sleeps, and a uevent allocates, which must
 * not write back through the very device the event is about. When the ring
 * is full the newest event is counted as lost rather than waited for; what an
 * event says can be read again from the status.
 *
 * Locking: @lock guards the ring and is taken with interrupts off, never for
 * longer than a copy. @send_lock is held by the worker while it sends, and by
 * attach and detach, so after qdm_events_detach() the target is not used any
 * more. Neither is held while the other kind of caller sleeps on I/O.
 * Life: the owner calls qdm_events_exit() before it frees the source, when
 * nothing can raise an event any more; events not sent by then are dropped.
 */
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/sched/mm.h>

#include "event.h"
#include "main.h"

/**
 * qdm_event_start - begin an event
 * @event: the event
 * @action: its DM_ACTION, a string that stays
 */
void qdm_event_start(struct qdm_event *event, const char *action)
{
	event->action = action;
	event->nr_keys = 0;
}
EXPORT_SYMBOL_GPL(qdm_event_start);

/**
 * qdm_event_key - add a key
 * @event: the event, with fewer than QDM_EVENT_KEYS keys
 * @fmt: "KEY=value"
 */
void qdm_event_key(struct qdm_event *event, const char *fmt, ...)
{
	va_list args;

	if (WARN_ON_ONCE(event->nr_keys == QDM_EVENT_KEYS))
		return;
	va_start(args, fmt);
	vscnprintf(event->key[event->nr_keys++], QDM_EVENT_KEY_LEN, fmt, args);
	va_end(args);
}
EXPORT_SYMBOL_GPL(qdm_event_key);

/* The keys that every event has, and room for its own. */
struct envelope {
	char target[32];
	char action[40];
	char seq[40];
	char name[8 + DM_NAME_LEN];
	char uuid[8 + DM_UUID_LEN];
	char *env[5 + QDM_EVENT_KEYS + 1];
};

static int fill_envelope(struct envelope *e, struct qdm_event *event, u64 seq,
			 struct dm_target *ti)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	unsigned int i, n = 0;
	int r;

	strscpy(e->name, "DM_NAME=", sizeof(e->name));
	strscpy(e->uuid, "DM_UUID=", sizeof(e->uuid));
	r = dm_copy_name_and_uuid(md, e->name + 8, e->uuid + 8);
	if (r)
		return r;
	scnprintf(e->target, sizeof(e->target), "DM_TARGET=%s", ti->type->name);
	scnprintf(e->action, sizeof(e->action), "DM_ACTION=%s", event->action);
	scnprintf(e->seq, sizeof(e->seq), "DM_SEQNUM=%llu", seq);
	e->env[n++] = e->target;
	e->env[n++] = e->action;
	e->env[n++] = e->seq;
	e->env[n++] = e->name;
	if (e->uuid[8])
		e->env[n++] = e->uuid;
	for (i = 0; i < event->nr_keys; i++)
		e->env[n++] = event->key[i];
	e->env[n] = NULL;
	return 0;
}

static void send_uevent(struct qdm_event *event, u64 seq, struct dm_target *ti)
{
	struct mapped_device *md = dm_table_get_md(ti->table);
	struct envelope *e = kmalloc(sizeof(*e), GFP_KERNEL);

	if (!e)
		return;
	if (!fill_envelope(e, event, seq, ti))
		kobject_uevent_env(&disk_to_dev(dm_disk(md))->kobj, KOBJ_CHANGE,
				   e->env);
	kfree(e);
}

static bool take_oldest(struct qdm_events *events, struct qdm_event *event,
			u64 *seq)
{
	bool any;

	spin_lock_irq(&events->lock);
	any = events->count;
	if (any) {
		*event = events->ring[events->head];
		*seq = events->seq - events->count + 1;
		events->head = (events->head + 1) % QDM_EVENTS_WAITING;
		events->count--;
	}
	spin_unlock_irq(&events->lock);
	return any;
}

static void send_all(struct work_struct *work)
{
	struct qdm_events *events = container_of(work, struct qdm_events, work);
	unsigned int noio = memalloc_noio_save();
	struct qdm_event event;
	u64 seq;

	mutex_lock(&events->send_lock);
	while (events->ti && take_oldest(events, &event, &seq)) {
		send_uevent(&event, seq, events->ti);
		dm_table_event(events->ti->table);
	}
	mutex_unlock(&events->send_lock);
	memalloc_noio_restore(noio);
}

/**
 * qdm_events_init - make a source, with nothing attached
 * @events: the source
 */
void qdm_events_init(struct qdm_events *events)
{
	memset(events, 0, sizeof(*events));
	spin_lock_init(&events->lock);
	mutex_init(&events->send_lock);
	INIT_WORK(&events->work, send_all);
}
EXPORT_SYMBOL_GPL(qdm_events_init);

/**
 * qdm_events_exit - end a source that nothing can raise events at any more
 * @events: the source
 */
void qdm_events_exit(struct qdm_events *events)
{
	cancel_work_sync(&events->work);
}
EXPORT_SYMBOL_GPL(qdm_events_exit);

/**
 * qdm_events_attach - send through this target's table from now on
 * @events: the source
 * @ti: the target, whose table is live; also sends what has waited
 */
void qdm_events_attach(struct qdm_events *events, struct dm_target *ti)
{
	mutex_lock(&events->send_lock);
	events->ti = ti;
	mutex_unlock(&events->send_lock);
	queue_work(qdm_event_wq, &events->work);
}
EXPORT_SYMBOL_GPL(qdm_events_attach);

/**
 * qdm_events_detach - send nothing more through the target
 * @events: the source
 *
 * On return the target is not used any more; what is raised from now on
 * waits for the next qdm_events_attach().
 */
void qdm_events_detach(struct qdm_events *events)
{
	flush_work(&events->work);
	mutex_lock(&events->send_lock);
	events->ti = NULL;
	mutex_unlock(&events->send_lock);
}
EXPORT_SYMBOL_GPL(qdm_events_detach);

/**
 * qdm_events_raise - send an event, soon; any context
 * @events: the source
 * @event: the event, copied
 */
void qdm_events_raise(struct qdm_events *events, const struct qdm_event *event)
{
	unsigned long flags;

	spin_lock_irqsave(&events->lock, flags);
	if (events->count == QDM_EVENTS_WAITING) {
		events->lost++;
	} else {
		events->ring[(events->head + events->count) %
			     QDM_EVENTS_WAITING] = *event;
		events->count++;
		events->seq++;
	}
	spin_unlock_irqrestore(&events->lock, flags);
	queue_work(qdm_event_wq, &events->work);
}
EXPORT_SYMBOL_GPL(qdm_events_raise);

/**
 * qdm_events_seq - number of the last event raised
 * @events: the source
 */
u64 qdm_events_seq(struct qdm_events *events)
{
	unsigned long flags;
	u64 seq;

	spin_lock_irqsave(&events->lock, flags);
	seq = events->seq;
	spin_unlock_irqrestore(&events->lock, flags);
	return seq;
}
EXPORT_SYMBOL_GPL(qdm_events_seq);
