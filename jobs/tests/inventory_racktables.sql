-- A small site in RackTables' schema of 0.20 to 0.22, as far as Heat reads it, with every kind of damage.
-- Ids: 1-9 locations, 10-19 rows, 20-39 racks, 100 and above objects.
SET NAMES utf8mb4;
SET foreign_key_checks = 0;

CREATE TABLE `Object` (
  `id` int unsigned NOT NULL PRIMARY KEY,
  `name` char(255) DEFAULT NULL,
  `label` char(255) DEFAULT NULL,
  `objtype_id` int unsigned NOT NULL DEFAULT 1,
  `asset_no` char(64) DEFAULT NULL UNIQUE,
  `has_problems` enum('yes','no') NOT NULL DEFAULT 'no',
  `comment` text
) ENGINE=InnoDB;
CREATE TABLE `EntityLink` (
  `id` int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `parent_entity_type` enum('location','object','rack','row') NOT NULL,
  `parent_entity_id` int unsigned NOT NULL,
  `child_entity_type` enum('location','object','rack','row') NOT NULL,
  `child_entity_id` int unsigned NOT NULL,
  UNIQUE KEY (`parent_entity_type`, `parent_entity_id`, `child_entity_type`, `child_entity_id`)
) ENGINE=InnoDB;
CREATE TABLE `AttributeValue` (
  `object_id` int unsigned NOT NULL,
  `object_tid` int unsigned NOT NULL DEFAULT 0,
  `attr_id` int unsigned NOT NULL,
  `string_value` char(255) DEFAULT NULL,
  `uint_value` int unsigned DEFAULT NULL,
  `float_value` float DEFAULT NULL,
  PRIMARY KEY (`object_id`, `attr_id`)
) ENGINE=InnoDB;
CREATE TABLE `Dictionary` (
  `chapter_id` int unsigned NOT NULL,
  `dict_key` int unsigned NOT NULL PRIMARY KEY,
  `dict_sticky` enum('yes','no') DEFAULT 'no',
  `dict_value` char(255) DEFAULT NULL
) ENGINE=InnoDB;
CREATE TABLE `RackSpace` (
  `rack_id` int unsigned NOT NULL,
  `unit_no` int unsigned NOT NULL,
  `atom` enum('front','interior','rear') NOT NULL,
  `state` enum('A','U','T') NOT NULL DEFAULT 'A',
  `object_id` int unsigned DEFAULT NULL,
  PRIMARY KEY (`rack_id`, `unit_no`, `atom`)
) ENGINE=InnoDB;
CREATE TABLE `TagTree` (
  `id` int unsigned NOT NULL PRIMARY KEY,
  `parent_id` int unsigned DEFAULT NULL,
  `tag` char(255) DEFAULT NULL UNIQUE
) ENGINE=InnoDB;
CREATE TABLE `TagStorage` (
  `entity_realm` enum('file','ipv4net','location','object','rack','user') NOT NULL,
  `entity_id` int unsigned NOT NULL,
  `tag_id` int unsigned NOT NULL,
  PRIMARY KEY (`entity_realm`, `entity_id`, `tag_id`)
) ENGINE=InnoDB;
CREATE TABLE `Config` (
  `varname` char(32) NOT NULL PRIMARY KEY,
  `varvalue` text NOT NULL
) ENGINE=InnoDB;
CREATE TABLE `Script` (
  `script_name` char(64) NOT NULL PRIMARY KEY,
  `script_text` longtext
) ENGINE=InnoDB;
CREATE TABLE `Attribute` (
  `id` int unsigned NOT NULL PRIMARY KEY,
  `type` enum('string','uint','float','dict','date') DEFAULT NULL,
  `name` char(64) DEFAULT NULL
) ENGINE=InnoDB;
CREATE TABLE `Port` (
  `id` int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
  `object_id` int unsigned NOT NULL,
  `name` char(255) NOT NULL,
  KEY (`object_id`)
) ENGINE=InnoDB;
CREATE TABLE `VLANSwitch` (
  `object_id` int unsigned NOT NULL UNIQUE,
  `domain_id` int unsigned NOT NULL,
  `template_id` int unsigned NOT NULL
) ENGINE=InnoDB;
-- What nobody gives to Heat.
CREATE TABLE `UserAccount` (`user_name` char(64), `user_password_hash` char(40)) ENGINE=InnoDB;

INSERT INTO `Config` VALUES ('DB_VERSION', '0.22.0'), ('REVERSED_RACKS_LISTSRC', 'false');
INSERT INTO `Script` VALUES ('DefaultRackCode', 'allow true'), ('RackCode', '# who may do what
define [live] {prod} and not {x}\r
allow {$userid_1} and {$page_depot}
define [twins] {$cn_twin} and [live]');
INSERT INTO `Attribute` VALUES (1, 'string', 'OEM S/N 1'), (2, 'dict', 'HW type'), (4, 'dict', 'SW type'), (27, 'uint', 'Height, units'),
  (30, 'dict', 'Mgmt type');

INSERT INTO `Dictionary` (`chapter_id`, `dict_key`, `dict_value`) VALUES
  (1, 2, 'PDU'), (1, 4, 'Server'), (1, 1502, 'Server chassis'), (1, 1504, 'VM'), (1, 50001, '[[Cooler | http://c.example]]'),
  (1, 1560, 'Rack'), (1, 1561, 'Row'), (1, 1562, 'Location'),
  (11, 700, '[[Dell%GPASS%PowerEdge R640 | http://dell.example/r640]]'), (11, 701, 'noname/unknown%GSKIP%Whitebox 2U'),
  (11, 702, 'HP%GPASS%BladeSystem c7000%L2,8V%');

INSERT INTO `Object` (`id`, `name`, `label`, `objtype_id`, `asset_no`, `has_problems`, `comment`) VALUES
  (1, 'Москва', NULL, 1562, NULL, 'no', NULL), (2, ' Зал 1 ', NULL, 1562, NULL, 'no', NULL),
  (3, 'in itself', NULL, 1562, NULL, 'no', NULL),
  (10, 'A', NULL, 1561, NULL, 'no', NULL), (11, 'A', NULL, 1561, NULL, 'no', NULL), (12, 'empty', NULL, 1561, NULL, 'no', NULL),
  (20, 'A01', NULL, 1560, 'AT-20', 'yes', 'mind the step'), (21, 'A02', NULL, 1560, NULL, 'no', ''),
  (22, 'no row', NULL, 1560, NULL, 'no', NULL), (23, 'no height', NULL, 1560, NULL, 'no', NULL),
  (24, NULL, NULL, 1560, NULL, 'no', NULL),
  (100, 'srv-1', 'left', 4, 'AT-100', 'yes', 'a long story nobody reads'), (101, NULL, NULL, 4, NULL, 'no', NULL),
  (102, 'twin', NULL, 4, NULL, 'no', NULL), (103, 'twin', NULL, 4, NULL, 'no', NULL),
  (104, 'pdu-1', NULL, 2, NULL, 'no', NULL), (105, 'chassis', NULL, 1502, NULL, 'no', NULL),
  (106, 'blade', NULL, 4, NULL, 'no', NULL), (107, 'vm', NULL, 1504, NULL, 'no', NULL),
  (108, 'snake-1', NULL, 1504, NULL, 'no', NULL), (109, 'snake-2', NULL, 1504, NULL, 'no', NULL),
  (110, 'кондиционер', NULL, 50001, NULL, 'no', NULL), (111, 'wide', NULL, 4, NULL, 'no', NULL),
  (112, 'unknown type', NULL, 60000, NULL, 'no', NULL);

INSERT INTO `AttributeValue` (`object_id`, `attr_id`, `string_value`, `uint_value`) VALUES
  (20, 27, NULL, 42), (21, 27, NULL, 10), (22, 27, NULL, 47), (23, 27, NULL, 0), (24, 27, NULL, 42),
  (20, 29, NULL, 1), (21, 29, NULL, 3),
  (100, 1, ' SN-100 ', NULL), (100, 2, NULL, 700), (100, 3, 'srv-1.msk.example.net.', NULL), (100, 14, 'ops@example.net', NULL),
  (100, 4, NULL, 252), (102, 2, NULL, 701), (105, 2, NULL, 702), (106, 2, NULL, 9999), (107, 30, NULL, 0);
INSERT INTO `Port` (`object_id`, `name`) VALUES (100, 'eth0'), (100, 'eth1'), (103, 'eth0'), (93, 'nobody''s');
INSERT INTO `VLANSwitch` VALUES (103, 1, 3), (93, 1, 1);

INSERT INTO `EntityLink` (`parent_entity_type`, `parent_entity_id`, `child_entity_type`, `child_entity_id`) VALUES
  ('location', 1, 'location', 2), ('location', 3, 'location', 3),
  ('location', 2, 'row', 10), ('location', 1, 'row', 10), ('location', 2, 'row', 12),
  ('row', 11, 'rack', 20), ('row', 10, 'rack', 20), ('row', 10, 'rack', 21), ('row', 10, 'rack', 23), ('row', 99, 'rack', 24),
  ('rack', 20, 'object', 104), ('rack', 98, 'object', 104), ('rack', 20, 'object', 97),
  ('object', 105, 'object', 106), ('object', 106, 'object', 107), ('object', 108, 'object', 109), ('object', 109, 'object', 108);

INSERT INTO `RackSpace` (`rack_id`, `unit_no`, `atom`, `state`, `object_id`) VALUES
  -- A server of two units and a shallow third, and a place that is not there, and one that cannot be used.
  (20, 1, 'front', 'T', 100), (20, 1, 'interior', 'T', 100), (20, 1, 'rear', 'T', 100),
  (20, 2, 'front', 'T', 100), (20, 2, 'interior', 'T', 100), (20, 2, 'rear', 'T', 100),
  (20, 3, 'front', 'T', 100), (20, 3, 'rear', 'T', 102),
  (20, 41, 'front', 'A', NULL), (20, 42, 'front', 'U', NULL),
  -- Scattered, in two racks, above the rack, of nobody, in no rack.
  (20, 10, 'front', 'T', 111), (20, 12, 'front', 'T', 111), (21, 5, 'interior', 'T', 111),
  (21, 10, 'rear', 'T', 103), (21, 11, 'rear', 'T', 103), (21, 12, 'rear', 'T', 103),
  (21, 1, 'front', 'T', 96), (95, 1, 'front', 'T', 101),
  (23, 30, 'front', 'T', 105), (23, 31, 'front', 'T', 105), (22, 4, 'front', 'T', 110);

INSERT INTO `TagTree` VALUES (1, NULL, 'environment'), (2, 1, 'prod'), (3, NULL, 'отдел'), (4, 3, 'поиск'), (5, 6, 'x'), (6, 5, 'y');
INSERT INTO `TagStorage` VALUES
  ('object', 100, 2), ('object', 100, 4), ('object', 102, 5), ('rack', 20, 2), ('location', 1, 3), ('object', 94, 1), ('user', 7, 1);
