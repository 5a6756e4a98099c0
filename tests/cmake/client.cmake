sluice_test(unit/client/input_test.c sluice_input sluice_ext_zlib sluice_ext_zstd)
