sluice_test(unit/client/input_test.c sluice_input sluice_ext_zlib sluice_ext_zstd)
sluice_test(unit/client/options_test.c sluice_written)
sluice_test(unit/client/script_test.c sluice_written)
sluice_test(unit/client/mysql_packet_test.c sluice_mysql)
sluice_test(unit/client/mysql_hostile_test.c sluice_test_peer sluice_mysql)
sluice_fuzz(mysql_packet sluice_mysql)
sluice_fuzz(mysql_statement sluice_mysql)

# Tables of text, read in both ways.
add_library(sluice_test_text STATIC support/text_pair.c)
target_link_libraries(sluice_test_text PRIVATE sluice_rules PUBLIC sluice_text)
sluice_test(unit/client/text_table_test.c sluice_test_text)
sluice_fuzz(text_table sluice_test_text)
