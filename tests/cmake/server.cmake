sluice_test(unit/server/wire/wire_test.c sluice_wire)
sluice_fuzz(wire sluice_wire)
