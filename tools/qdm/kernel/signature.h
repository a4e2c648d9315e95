/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The content of a block device; see signature.c. */
#ifndef QDM_KERNEL_SIGNATURE_H
#define QDM_KERNEL_SIGNATURE_H

#include "kernel/dm.h"

struct signature {
	char type[48];		/* "ext4", "crypto_LUKS"; empty if there is none */
	char uuid[80];		/* empty if that kind has none */
	char group[128];	/* of a physical volume: its volume group, or empty */
};

int signature_read(struct signature *signature, struct devno devno,
		   const char *name, struct error *error);
/* Do both have the same kind and UUID? */
bool signature_same(const struct signature *a, const struct signature *b);

#endif /* QDM_KERNEL_SIGNATURE_H */
