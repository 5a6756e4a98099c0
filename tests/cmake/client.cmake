sluice_test(unit/client/field_test.c sluice_client)
