/* SPDX-License-Identifier: GPL-2.0-or-later */
/* libFuzzer's entry point; see fuzz-qmp.c. */
#ifndef QDM_FUZZ_QMP_H
#define QDM_FUZZ_QMP_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

#endif /* QDM_FUZZ_QMP_H */
