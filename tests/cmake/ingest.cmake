# ingest, and the table of information elements that it decodes by.
sluice_test(unit/storage/element_test.c sluice_batch)
sluice_test(unit/ingest/decode/decoder_test.c sluice_decode)
sluice_test(unit/ingest/ingest_test.c sluice_ingest)
set_tests_properties(unit/ingest/ingest_test PROPERTIES LABELS "unit;threads")
sluice_test(golden/vendor_test.c sluice_decode sluice_ext_jansson)
sluice_fuzz(decoder sluice_decode)
sluice_fuzz(packet sluice_decode)
