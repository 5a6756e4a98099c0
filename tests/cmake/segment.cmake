# The sealed file.
sluice_test(unit/storage/segment/segment_pair_test.c sluice_segment)
sluice_test(unit/storage/segment/segment_kernel_test.c sluice_segment)
sluice_test(unit/storage/segment/segment_cache_test.c sluice_segment)
sluice_test(unit/storage/segment/segment_stock_test.c sluice_segment)
sluice_test(unit/storage/segment/segment_row_order_test.c sluice_segment)

# What is written and read back.
foreach(name segment segment_writer segment_reader segment_keep segment_lookup segment_prune segment_damage)
    sluice_test(unit/storage/segment/${name}_test.c sluice_segment)
    target_sources(unit.storage.segment.${name}_test
                   PRIVATE unit/storage/segment/segment_written.c)
endforeach()
foreach(name segment_cache segment_stock segment segment_writer segment_reader segment_keep)
    set_property(TEST unit/storage/segment/${name}_test APPEND PROPERTY LABELS threads)
endforeach()
sluice_test(golden/segment_golden_test.c sluice_segment)
sluice_fuzz(segment sluice_segment)
sluice_fuzz(pair sluice_segment)
