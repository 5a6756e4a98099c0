sluice_test(unit/client/input_test.c sluice_input sluice_ext_zlib sluice_ext_zstd)
sluice_test(unit/client/mysql_hostile_test.c sluice_test_peer sluice_mysql)
sluice_fuzz(mysql_packet sluice_mysql)
sluice_fuzz(mysql_statement sluice_mysql)
