# Plan, operators, grouping, and whole statements against other databases.
sluice_test(unit/query/aggregate_test.c sluice_query)
sluice_test(unit/query/group_table_test.c sluice_query)
sluice_test(unit/query/op_test.c sluice_query)
set_property(TEST unit/query/op_test APPEND PROPERTY LABELS threads)

# sluice_oracle(name LIBRARIES...): tests/query/<name>.c with what the oracles share.
function(sluice_oracle name)
    sluice_test(query/${name}.c sluice_query ${ARGN})
    target_sources(query.${name} PRIVATE query/oracle.c)
endfunction()
sluice_oracle(sqlite_oracle_test sluice_ext_sqlite)
sluice_oracle(mariadb_oracle_test)
sluice_oracle(prune_test)
sluice_oracle(slq_test)
set_property(TEST query/slq_test APPEND PROPERTY LABELS threads)
sluice_fuzz(definition sluice_query)
