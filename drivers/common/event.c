// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends typed events as a dm event and a uevent. An event may be raised in any
 * context, also with a bio in hand, so it is copied into a small ring and sent
 * by a worker: dm_table_event() sleeps, and a uevent allocates, which must not
 * write back through the very device the event is about. An event replaces the
 * newest one in the ring if that has the same action, so that a source faster
 * than user space has one waiting and not a queue, and the last one is never
 * lost. Each event makes udev run its rules for tens of milliseconds, so a
 * source sends a burst and then ten a second.
 *
 * Locking: @lock guards the ring and is taken with interrupts off, never for
 * longer than a copy. @send_lock is held to use the target for the dm event,
 * and by attach and detach, so the target is not used after
 * qdm_events_detach(). The uevent is sent outside of it: it may wait for
 * memory, and a suspend, which detaches, must not wait for that.
 * Life: the owner lives as long as any table of the mapped device refers to it,
 * so the device outlives the worker. It calls qdm_events_exit() before it frees
 * the source, when no event can be raised any more.
 */
#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/module.h>
#include <linux/qdm.h>
#include <linux/sched/mm.h>

#include "event.h"
#include "main.h"

#define DM_MSG_PREFIX "qdm"

/**
 * qdm_event_start - initialize an event
 * @event: the event
 * @action: its DM_ACTION, a static string
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

/* Size of a burst; after it, one event per interval. */
#define BURST		8
#define INTERVAL	(HZ / 10)

/* Retries of a uevent for which memory was short. */
#define TRIES		5
#define TRY_AGAIN_MS	20

static int fill_envelope(struct qdm_events *events)
{
	struct qdm_envelope *e = &events->envelope;
	struct qdm_event *event = &events->sending;
	unsigned int i, n = 0;
	int r;

	strscpy(e->name, "DM_NAME=", sizeof(e->name));
	strscpy(e->uuid, "DM_UUID=", sizeof(e->uuid));
	r = dm_copy_name_and_uuid(events->md, e->name + 8, e->uuid + 8);
	if (r)
		return r;
	scnprintf(e->target, sizeof(e->target), "DM_TARGET=%s",
		  events->target);
	scnprintf(e->action, sizeof(e->action), "DM_ACTION=%s", event->action);
	scnprintf(e->seq, sizeof(e->seq), "DM_SEQNUM=%llu", event->seq);
	e->env[n++] = e->target;
	e->env[n++] = e->action;
	e->env[n++] = e->seq;
	e->env[n++] = e->name;
	if (e->uuid[8])
		e->env[n++] = e->uuid;
	if (event->merged) {
		scnprintf(e->merged, sizeof(e->merged), QDM_KEY_MERGED "=%llu",
			  event->merged);
		e->env[n++] = e->merged;
	}
	for (i = 0; i < event->nr_keys; i++)
		e->env[n++] = event->key[i];
	e->env[n] = NULL;
	return 0;
}

/* A device being removed has no name and sends no event. */
static void send_uevent(struct qdm_events *events)
{
	struct kobject *kobj = &disk_to_dev(dm_disk(events->md))->kobj;
	int tries;

	if (fill_envelope(events))
		return;
	for (tries = 0; tries < TRIES; tries++) {
		if (kobject_uevent_env(kobj, KOBJ_CHANGE,
				       events->envelope.env) != -ENOMEM)
			return;
		msleep(TRY_AGAIN_MS);
	}
	DMWARN("%s: no memory to send event %llu", dm_device_name(events->md),
	       events->sending.seq);
}

static bool take_oldest(struct qdm_events *events)
{
	bool any;

	spin_lock_irq(&events->lock);
	any = events->count;
	if (any) {
		events->sending = events->ring[events->head];
		events->head = (events->head + 1) % QDM_EVENTS_WAITING;
		events->count--;
	}
	spin_unlock_irq(&events->lock);
	return any;
}

/* Return: true if there was one to send. */
static bool send_dm_event(struct qdm_events *events)
{
	bool any;

	mutex_lock(&events->send_lock);
	any = events->ti && take_oldest(events);
	if (any)
		dm_table_event(events->ti->table);
	mutex_unlock(&events->send_lock);
	return any;
}

/**
 * qdm_events_begin_anew - allow another burst
 * @events: the source
 *
 * For events that a user requests again and thereby paces.
 */
void qdm_events_begin_anew(struct qdm_events *events)
{
	unsigned long flags;

	spin_lock_irqsave(&events->lock, flags);
	events->paid_until = jiffies;
	spin_unlock_irqrestore(&events->lock, flags);
	mod_delayed_work(qdm_event_wq, &events->work, 0);
}
EXPORT_SYMBOL_GPL(qdm_events_begin_anew);

/* Return: delay of the next event in jiffies; if 0, it is accounted. */
static unsigned long pay_for_event(struct qdm_events *events)
{
	unsigned long begin, wait = 0;

	spin_lock_irq(&events->lock);
	if (time_before(events->paid_until, jiffies))
		events->paid_until = jiffies;
	begin = events->paid_until - (BURST - 1) * INTERVAL;
	if (time_after(begin, jiffies))
		wait = begin - jiffies;
	else if (events->count)
		events->paid_until += INTERVAL;
	spin_unlock_irq(&events->lock);
	return wait;
}

static void send_all(struct work_struct *work)
{
	struct qdm_events *events = container_of(to_delayed_work(work),
						 struct qdm_events, work);
	unsigned int noio = memalloc_noio_save();
	unsigned long wait = 0;

	while (!(wait = pay_for_event(events)) && send_dm_event(events))
		send_uevent(events);
	if (wait)
		queue_delayed_work(qdm_event_wq, &events->work, wait);
	memalloc_noio_restore(noio);
}

/**
 * qdm_events_init - initialize a source, not attached
 * @events: the source
 */
void qdm_events_init(struct qdm_events *events)
{
	memset(events, 0, sizeof(*events));
	spin_lock_init(&events->lock);
	mutex_init(&events->send_lock);
	INIT_DELAYED_WORK(&events->work, send_all);
	events->paid_until = jiffies;
}
EXPORT_SYMBOL_GPL(qdm_events_init);

/**
 * qdm_events_exit - end a source whose events can no longer be raised
 * @events: the source
 *
 * Events raised since the last detach are still sent to udev.
 */
void qdm_events_exit(struct qdm_events *events)
{
	unsigned int noio = memalloc_noio_save();

	cancel_delayed_work_sync(&events->work);
	while (events->md && take_oldest(events))
		send_uevent(events);
	memalloc_noio_restore(noio);
}
EXPORT_SYMBOL_GPL(qdm_events_exit);

/**
 * qdm_events_attach - send through this target's table from now on
 * @events: the source
 * @ti: target of the live table; also sends waiting events
 */
void qdm_events_attach(struct qdm_events *events, struct dm_target *ti)
{
	mutex_lock(&events->send_lock);
	events->ti = ti;
	events->md = dm_table_get_md(ti->table);
	events->target = ti->type->name;
	mutex_unlock(&events->send_lock);
	queue_delayed_work(qdm_event_wq, &events->work, 0);
}
EXPORT_SYMBOL_GPL(qdm_events_attach);

/**
 * qdm_events_detach - stop sending through the target
 * @events: the source
 *
 * On return the target is not used any more; later events wait for the next
 * qdm_events_attach().
 */
void qdm_events_detach(struct qdm_events *events)
{
	mutex_lock(&events->send_lock);
	events->ti = NULL;
	mutex_unlock(&events->send_lock);
}
EXPORT_SYMBOL_GPL(qdm_events_detach);

static struct qdm_event *nth_waiting(struct qdm_events *events, unsigned int n)
{
	lockdep_assert_held(&events->lock);
	return &events->ring[(events->head + n) % QDM_EVENTS_WAITING];
}

/* Slot for the next event: over the newest of its kind, or the oldest. */
static struct qdm_event *place_for(struct qdm_events *events,
				   const char *action, u64 *merged)
{
	struct qdm_event *newest;

	lockdep_assert_held(&events->lock);
	if (events->count) {
		newest = nth_waiting(events, events->count - 1);
		if (newest->action == action) {
			*merged = newest->merged + 1;
			return newest;
		}
	}
	if (events->count == QDM_EVENTS_WAITING) {
		events->head = (events->head + 1) % QDM_EVENTS_WAITING;
		events->count--;
	}
	return nth_waiting(events, events->count++);
}

/**
 * qdm_events_raise - send an event soon; from any context
 * @events: the source
 * @event: the event, copied
 */
void qdm_events_raise(struct qdm_events *events, const struct qdm_event *event)
{
	struct qdm_event *place;
	unsigned long flags;
	u64 merged = 0;

	spin_lock_irqsave(&events->lock, flags);
	place = place_for(events, event->action, &merged);
	*place = *event;
	place->seq = ++events->seq;
	place->merged = merged;
	spin_unlock_irqrestore(&events->lock, flags);
	queue_delayed_work(qdm_event_wq, &events->work, 0);
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
