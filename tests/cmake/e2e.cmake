# sluice_e2e(name LABELS...): tests/e2e/<name>_test.sh with the programs of this preset. Those
# labelled "long" wait for exporters and clocks: they run in release only.
function(sluice_e2e name)
    add_test(NAME e2e/${name}
             COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/e2e/${name}_test.sh ${CMAKE_BINARY_DIR}/bin)
    set_tests_properties(e2e/${name} PROPERTIES TIMEOUT 600 SKIP_RETURN_CODE 77 LABELS e2e)
    set_property(TEST e2e/${name} APPEND PROPERTY LABELS ${ARGN})
endfunction()

sluice_e2e(cli)
sluice_e2e(damage)
sluice_e2e(ipfix_tcp)
sluice_e2e(mysql)
sluice_e2e(mysql_tls)
sluice_e2e(users)
sluice_e2e(driver_php)
sluice_e2e(driver_python)
sluice_e2e(driver_node)
sluice_e2e(driver_go)
sluice_e2e(driver_java)
sluice_e2e(driver_odbc)
sluice_e2e(import long)
sluice_e2e(run long)
sluice_e2e(softflowd long)
