/*
 * catalog_sample.h - catalogs in a folder of their own, with records that follow from their number,
 * for the tests of the catalog.
 */
#ifndef SLUICE_TESTS_UNIT_STORAGE_CATALOG_SAMPLE_H
#define SLUICE_TESTS_UNIT_STORAGE_CATALOG_SAMPLE_H

#include "storage/catalog.h"
#include "tests/support/test.h"

enum { CATALOG_SEGMENTS = 300 };

struct catalog_place {
    char *root;      /* owned: give it to test_dir_remove */
    char path[4096]; /* of the catalog directory */
    char file[4200]; /* of its data file */
    char rest[4200]; /* of what is to become one */
};

struct catalog_place catalog_place_create(void);

/* These succeed. */
struct sl_catalog *catalog_open(const struct catalog_place *p);
struct sl_catalog_state *catalog_load(struct sl_catalog *catalog);
void catalog_commit(struct sl_catalog *catalog, struct sl_catalog_edit *edit);

/* Every field follows from the number. */
struct sl_catalog_segment catalog_segment(uint64_t number);
void catalog_expect_segment(const struct sl_catalog_segment *s, uint64_t number);

/* Records of every kind; expected are these and, meta of other kinds apart, no others. */
void catalog_put_everything(struct sl_catalog *catalog);
void catalog_expect_everything(struct sl_catalog *catalog);

/* The meta values of the kind "user", each as "key=value;". */
void catalog_expect_users(struct sl_catalog *catalog, const char *expected);

/* Segments first .. last and no others of 1 .. CATALOG_SEGMENTS, by one edit. */
void catalog_keep_segments(struct sl_catalog *catalog, uint64_t first, uint64_t last);
void catalog_expect_segments(struct sl_catalog *catalog, uint64_t first, uint64_t last);

#endif
