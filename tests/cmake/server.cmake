sluice_test(unit/server/wire/wire_test.c sluice_wire)
sluice_test(unit/server/net/stream_test.c sluice_net)
sluice_test(unit/server/config_test.c sluice_config)
sluice_fuzz(wire sluice_wire)
