# The simulated disk, for every test of power cuts.
add_library(sluice_test_disk STATIC crash/disk.c crash/killer.c)
target_link_libraries(sluice_test_disk PRIVATE sluice_rules
                                       PUBLIC sluice_test_support sluice_ext_cmocka)

sluice_test(unit/storage/journal_test.c sluice_journal)
set_property(TEST unit/storage/journal_test APPEND PROPERTY LABELS threads)
sluice_test(unit/storage/catalog_test.c sluice_catalog)
sluice_test(crash/disk_test.c sluice_test_disk)
sluice_test(crash/journal_crash_test.c sluice_test_disk sluice_journal)
sluice_fuzz(journal sluice_journal)
sluice_fuzz(catalog sluice_catalog)
