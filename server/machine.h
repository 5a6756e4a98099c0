/*
 * machine.h - how much memory there is for this process.
 *
 * The machine's, or less where a control group bounds it: memory.max of the group and of all above it
 * (version 2), or memory.limit_in_bytes (version 1), as Linux' Documentation/admin-guide describes them.
 *
 * Threads: any.
 * Layer:   server, internal.
 */
#ifndef SLUICE_SERVER_MACHINE_H
#define SLUICE_SERVER_MACHINE_H

#include "storage/base/base.h"

/* Bytes. `root` is put before each path that is read: "" for this machine. */
uint64_t sl_machine_memory_bytes(const char *root);

#endif
