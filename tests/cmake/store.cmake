# Rows that prove themselves: shared by the tests of the store.
add_library(sluice_test_store STATIC model/store_rows.c)
target_link_libraries(sluice_test_store PRIVATE sluice_rules PUBLIC sluice_storage
                                                sluice_test_support sluice_ext_cmocka)

sluice_test(model/store_model_test.c sluice_test_store)
sluice_test(model/store_readers_test.c sluice_test_store)
set_tests_properties(model/store_readers_test PROPERTIES LABELS "model;threads")

# The disk that forgets is the journal's: journal.cmake.
sluice_test(crash/store_crash_test.c sluice_test_store sluice_test_disk)
sluice_test(crash/store_damage_test.c sluice_test_store)
sluice_test(unit/storage/partition_test.c sluice_storage)
sluice_fuzz(segment_note sluice_storage)
sluice_test(unit/storage/scan_test.c sluice_test_store)
set_tests_properties(unit/storage/scan_test PROPERTIES LABELS "unit;threads")
sluice_test(unit/storage/merge_test.c sluice_test_store)
sluice_test(unit/storage/tend_test.c sluice_test_store)
sluice_test(unit/storage/retain_test.c sluice_test_store)
sluice_test(unit/storage/store_trouble_test.c sluice_test_store)
set_property(TEST model/store_model_test APPEND PROPERTY LABELS threads)
set_property(TEST unit/storage/retain_test APPEND PROPERTY LABELS threads)
set_property(TEST unit/storage/store_trouble_test APPEND PROPERTY LABELS threads)
