# The sealed file.
sluice_test(unit/storage/segment/segment_test.c sluice_segment)
