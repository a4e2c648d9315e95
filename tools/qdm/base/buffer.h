/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes that come and go; see buffer.c. */
#ifndef QDM_BASE_BUFFER_H
#define QDM_BASE_BUFFER_H

#include <stddef.h>

struct buffer {
	char *bytes;
	size_t len;
	size_t room;
};

void buffer_add(struct buffer *buffer, const char *bytes, size_t len);
/* Away with the first @len bytes. */
void buffer_take(struct buffer *buffer, size_t len);
/* Away with everything, and with the memory if it is much. */
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

#endif /* QDM_BASE_BUFFER_H */
