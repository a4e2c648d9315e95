/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Fixed-width types for the pure cores: files that hold a filter's rules and do
 * not depend on the kernel, so that user space tests the same source under ASan
 * and UBSan. Only types, errno names and macros for lockless access belong
 * here.
 */
#ifndef QDM_PURE_H
#define QDM_PURE_H

#ifdef __KERNEL__
#include <asm/barrier.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/stddef.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)
#define smp_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#ifndef likely
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define noinline	__attribute__((__noinline__))
#endif

#ifndef U64_MAX
#define U64_MAX UINT64_MAX
#define S64_MAX INT64_MAX
#endif
#endif

#endif /* QDM_PURE_H */
