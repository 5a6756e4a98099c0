sluice_test(unit/storage/journal_test.c sluice_journal)
