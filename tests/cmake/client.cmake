sluice_test(unit/client/field_test.c sluice_client)
sluice_test(unit/client/input_test.c sluice_input sluice_ext_zlib sluice_ext_zstd)
sluice_fuzz(mysql_packet sluice_mysql)
sluice_fuzz(mysql_statement sluice_mysql)
