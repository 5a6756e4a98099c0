/*
 * store_lock.h - one process at a time in a data directory.
 *
 * Layer: storage. Called from store.c and store_check.c.
 */
#ifndef SLUICE_STORAGE_STORE_LOCK_H
#define SLUICE_STORAGE_STORE_LOCK_H

#include "storage/base/status.h"

/* Take the lock of a directory: held until *out_fd is closed. SL_IO when another process has
 * it. */
SL_MUST_CHECK
sl_status sl_store_lock(int dir_fd, int *out_fd, struct sl_error *err);

#endif
