# Plan, operators, grouping, and whole statements against other databases.
sluice_test(unit/query/group_table_test.c sluice_query)
