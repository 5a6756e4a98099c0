# The sealed file.
sluice_test(unit/storage/segment/segment_test.c sluice_segment)
set_property(TEST unit/storage/segment/segment_test APPEND PROPERTY LABELS threads)
sluice_test(unit/storage/segment/segment_cache_test.c sluice_segment)
set_property(TEST unit/storage/segment/segment_cache_test APPEND PROPERTY LABELS threads)
sluice_test(unit/storage/segment/segment_prune_test.c sluice_segment)
sluice_test(unit/storage/segment/segment_damage_test.c sluice_segment)
sluice_test(golden/segment_golden_test.c sluice_segment)
sluice_fuzz(segment sluice_segment)
