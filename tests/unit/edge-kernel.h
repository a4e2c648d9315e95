/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * As much of a kernel as drivers/common/edge.c asks for, in user space: devices
 * that are numbers, tasks that are names, and lists. So what it decides is
 * tested a million times where a guest could a hundred times.
 */
#ifndef EDGE_KERNEL_H
#define EDGE_KERNEL_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint64_t u64;
typedef uint64_t sector_t;

#define BIT(nr) (1U << (nr))
#define EXPORT_SYMBOL_GPL(name)
#define container_of(ptr, type, member) \
	((type *)bytes_before(ptr, offsetof(type, member)))

static inline void *bytes_before(void *at, size_t bytes)
{
	return (char *)at - bytes;
}

struct module;
static inline void __module_get(struct module *module) { }
static inline void module_put(struct module *module) { }

struct list_head {
	struct list_head *next, *prev;
};

#define LIST_HEAD(name) struct list_head name = { &name, &name }

static inline void list_add_tail(struct list_head *node, struct list_head *head)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

static inline void list_del(struct list_head *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
}

#define entry_of(ptr, pos, member) container_of(ptr, __typeof__(*(pos)), member)
#define list_prepare_entry(pos, head, member) \
	((pos) ?: entry_of(head, pos, member))
#define list_for_each_entry_continue(pos, head, member) \
	for (pos = entry_of((pos)->member.next, pos, member); \
	     &(pos)->member != (head); \
	     pos = entry_of((pos)->member.next, pos, member))
#define list_for_each_entry(pos, head, member) \
	for (pos = entry_of((head)->next, pos, member); \
	     &(pos)->member != (head); \
	     pos = entry_of((pos)->member.next, pos, member))

/* A hash table of one bucket. */
struct hlist_node {
	struct list_head list;
};

#define DEFINE_HASHTABLE(name, bits) LIST_HEAD(name)
#define hash_add(table, node, key) list_add_tail(&(node)->list, &(table))
#define hash_del(node) list_del(&(node)->list)
#define hash_for_each_possible(table, pos, member, key) \
	for (pos = ((void)(key), entry_of((table).next, pos, member.list)); \
	     &(pos)->member.list != &(table); \
	     pos = entry_of((pos)->member.list.next, pos, member.list))

struct mutex {
	bool held;
};

#define DEFINE_MUTEX(name) struct mutex name

static inline void mutex_lock(struct mutex *mutex)
{
	assert(!mutex->held);
	mutex->held = true;
}

static inline void mutex_unlock(struct mutex *mutex)
{
	assert(mutex->held);
	mutex->held = false;
}

static inline void lockdep_assert_held(const struct mutex *mutex)
{
	assert(mutex->held);
}

struct task_struct {
	int nr;
};

extern const struct task_struct *current;

struct gendisk {
	int nr;
};

struct block_device {
	struct gendisk *bd_disk;
};

struct dm_dev {
	struct block_device *bdev;
};

struct mapped_device {
	struct gendisk disk;
};

struct dm_table {
	struct mapped_device *md;
};

struct dm_target {
	struct dm_table *table;
	sector_t begin, len;
};

struct qdm_lower {
	struct dm_dev *dev;
	sector_t start;
};

static inline struct mapped_device *dm_table_get_md(struct dm_table *table)
{
	return table->md;
}

static inline struct gendisk *dm_disk(struct mapped_device *md)
{
	return &md->disk;
}

static inline sector_t get_start_sect(struct block_device *bdev)
{
	return 0;
}

#endif /* EDGE_KERNEL_H */
