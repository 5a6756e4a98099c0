INSERT IGNORE INTO `flows` (IPV4_SRC_ADDR, src_port, `in_bytes`, LAST_SWITCHED, my_note, PROTOCOL) VALUES
 ('3232235786', '443', 4000 + 96, '1795421730', 'a''b\n', 'tcp'), (NULL, DEFAULT, 0x10, NOW(), x'ff', 1.5),
 ('10.0.0.1', 1, 1, '2026-11-23 08:15:30', _utf8'x', ?)
