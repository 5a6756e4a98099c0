# The simulated disk, for every test of power cuts.
add_library(sluice_test_disk STATIC crash/disk.c crash/disk_image.c crash/disk_node.c crash/killer.c)
target_link_libraries(sluice_test_disk PRIVATE sluice_rules
                                       PUBLIC sluice_test_support sluice_ext_cmocka)

foreach(name journal journal_damage journal_trouble)
    sluice_test(unit/storage/${name}_test.c sluice_journal)
    target_sources(unit.storage.${name}_test PRIVATE unit/storage/journal_sample.c)
    set_property(TEST unit/storage/${name}_test APPEND PROPERTY LABELS threads)
endforeach()
foreach(name catalog catalog_damage catalog_rewrite)
    sluice_test(unit/storage/${name}_test.c sluice_catalog)
    target_sources(unit.storage.${name}_test PRIVATE unit/storage/catalog_sample.c)
endforeach()
sluice_test(crash/disk_test.c sluice_test_disk)
sluice_test(crash/catalog_crash_test.c sluice_test_disk sluice_catalog)
sluice_test(crash/journal_crash_test.c sluice_test_disk sluice_journal)
sluice_fuzz(journal sluice_journal)
sluice_fuzz(catalog sluice_catalog)
