# Codecs, indexes and the encoding of batches.
sluice_test(unit/storage/codec/codec_test.c sluice_codec)
sluice_test(unit/storage/index/bitmap_test.c sluice_index)
sluice_test(unit/storage/index/filter_test.c sluice_index)
sluice_test(unit/storage/index/postings_test.c sluice_index)
sluice_test(unit/storage/batch_codec_test.c sluice_batch)
