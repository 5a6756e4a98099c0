sluice_test(unit/storage/batch_test.c sluice_batch)
sluice_test(unit/storage/field_test.c sluice_batch)
sluice_test(unit/storage/schema_test.c sluice_batch)
sluice_test(unit/storage/value_text_test.c sluice_batch)
