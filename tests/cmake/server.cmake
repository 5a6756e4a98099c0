sluice_test(unit/server/wire/wire_test.c sluice_wire)
sluice_test(unit/server/net/endpoint_test.c sluice_net)
sluice_test(unit/server/net/stream_test.c sluice_net)
sluice_test(unit/server/config_test.c sluice_config)
sluice_fuzz(wire sluice_wire)
sluice_test(unit/server/auth/scheme_test.c sluice_auth)
sluice_fuzz(users sluice_auth)

# A server in a process of its own, and peers that speak to it.
add_library(sluice_test_peer STATIC support/peer.c)
target_link_libraries(sluice_test_peer PRIVATE sluice_rules sluice_ext_cmocka
                                       PUBLIC sluice_test_support sluice_server)

sluice_test(unit/server/conversation_test.c sluice_test_peer)
sluice_test(unit/server/conversation_crowd_test.c sluice_test_peer)
sluice_test(unit/server/conversation_hostile_test.c sluice_test_peer)
sluice_test(unit/server/conversation_insert_test.c sluice_test_peer)
sluice_test(unit/server/inserts_test.c sluice_server)
sluice_test(crash/kill_test.c sluice_test_peer)
set_property(TEST unit/server/inserts_test APPEND PROPERTY LABELS threads)
foreach(part IN ITEMS conversation conversation_crowd conversation_hostile conversation_insert)
    set_property(TEST unit/server/${part}_test APPEND PROPERTY LABELS threads)
endforeach()
sluice_slow(crash/kill_test)
