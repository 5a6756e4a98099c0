# sluice_e2e(name LABELS...): tests/e2e/<name>_test.sh with the programs of this preset. Those
# labelled "long" wait for exporters and clocks: they run in release only.
function(sluice_e2e name)
    add_test(NAME e2e/${name}
             COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${name}_test.sh ${CMAKE_BINARY_DIR}/bin)
    set_tests_properties(e2e/${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77 LABELS e2e)
    set_property(TEST e2e/${name} APPEND PROPERTY LABELS ${ARGN})
endfunction()

sluice_e2e(ask)
sluice_e2e(cli)
sluice_e2e(damage)
sluice_e2e(insert)
sluice_e2e(ipfix_tcp)
sluice_e2e(mysql)
sluice_e2e(shell)
sluice_e2e(mysql_tls)
sluice_e2e(users)
sluice_e2e(views)
sluice_e2e(corpus)
sluice_e2e(import long)
sluice_e2e(run long)
sluice_e2e(softflowd long)
