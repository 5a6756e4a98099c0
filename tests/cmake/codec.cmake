# Codecs: blocks of values as bytes.
sluice_test(unit/storage/codec/codec_test.c sluice_codec)
