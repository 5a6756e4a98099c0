# ingest, and the table of information elements that it decodes by.
sluice_test(unit/storage/element_test.c sluice_batch)
