sluice_test(unit/storage/codec/codec_calibrated_test.c sluice_codec sluice_flowgen)
