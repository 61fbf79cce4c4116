-- The tables of RackTables' stock schema that hold its inventory, and a few beside them that a reader of it must not
-- touch. Columns, types and keys are RackTables'; the text is ours. The lines that not every version has are marked
-- `-- since VERSION` or `-- until VERSION`, and left out of a database that plays another.

SET NAMES utf8mb4;
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO';
SET foreign_key_checks = 0;

DROP VIEW IF EXISTS `Location`, `Row`, `Rack`, `RackObject`;
DROP TABLE IF EXISTS `Attribute`, `AttributeMap`, `AttributeValue`, `Chapter`, `Config`, `Dictionary`, `EntityLink`,
    `Object`, `Port`, `RackSpace`, `RackThumbnail`, `Script`, `TagStorage`, `TagTree`, `UserAccount`, `VLANDomain`,
    `VLANSwitch`, `VLANSwitchTemplate`;

CREATE TABLE `Object` (
    `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `name` char(255) DEFAULT NULL,
    `label` char(255) DEFAULT NULL,
    `objtype_id` int(10) unsigned NOT NULL DEFAULT 1,
    `asset_no` char(64) DEFAULT NULL,
    `has_problems` enum('yes', 'no') NOT NULL DEFAULT 'no',
    `comment` text DEFAULT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `asset_no` (`asset_no`),
    KEY `id-tid` (`id`, `objtype_id`),
    KEY `type_id` (`objtype_id`, `id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

-- Neither end has a foreign key: links to what is gone are possible.
CREATE TABLE `EntityLink` (
    `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `parent_entity_type` enum('location', 'object', 'rack', 'row') NOT NULL,
    `parent_entity_id` int(10) unsigned NOT NULL,
    `child_entity_type` enum('location', 'object', 'rack', 'row') NOT NULL,
    `child_entity_id` int(10) unsigned NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `EntityLink-unique` (`parent_entity_type`, `parent_entity_id`, `child_entity_type`, `child_entity_id`),
    KEY `EntityLink-compound` (`parent_entity_type`, `child_entity_type`, `child_entity_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `Attribute` (
    `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `type` enum('string', 'uint', 'float', 'dict', 'date') DEFAULT NULL,
    `name` char(64) DEFAULT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `Chapter` (
    `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `sticky` enum('yes', 'no') DEFAULT 'no',
    `name` char(128) NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `name` (`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `AttributeMap` (
    `objtype_id` int(10) unsigned NOT NULL DEFAULT 1,
    `attr_id` int(10) unsigned NOT NULL DEFAULT 1,
    `chapter_id` int(10) unsigned DEFAULT NULL,
    `sticky` enum('yes', 'no') DEFAULT 'no',
    UNIQUE KEY `objtype_id` (`objtype_id`, `attr_id`),
    KEY `attr_id` (`attr_id`),
    KEY `chapter_id` (`chapter_id`),
    CONSTRAINT `AttributeMap-FK-attr_id` FOREIGN KEY (`attr_id`) REFERENCES `Attribute` (`id`),
    CONSTRAINT `AttributeMap-FK-chapter_id` FOREIGN KEY (`chapter_id`) REFERENCES `Chapter` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `AttributeValue` (
    `object_id` int(10) unsigned NOT NULL,
    `object_tid` int(10) unsigned NOT NULL DEFAULT 0,
    `attr_id` int(10) unsigned NOT NULL,
    `string_value` char(255) DEFAULT NULL,
    `uint_value` int(10) unsigned DEFAULT NULL,
    `float_value` float DEFAULT NULL,
    PRIMARY KEY (`object_id`, `attr_id`),
    KEY `attr_id-uint_value` (`attr_id`, `uint_value`),
    KEY `attr_id-string_value` (`attr_id`, `string_value`(12)),
    KEY `id-tid` (`object_id`, `object_tid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `Dictionary` (
    `chapter_id` int(10) unsigned NOT NULL,
    `dict_key` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `dict_sticky` enum('yes', 'no') DEFAULT 'no',
    `dict_value` char(255) DEFAULT NULL,
    PRIMARY KEY (`dict_key`),
    UNIQUE KEY `dict_unique` (`chapter_id`, `dict_value`, `dict_sticky`),
    CONSTRAINT `Dictionary-FK-chapter_id` FOREIGN KEY (`chapter_id`) REFERENCES `Chapter` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `RackSpace` (
    `rack_id` int(10) unsigned NOT NULL DEFAULT 0,
    `unit_no` int(10) unsigned NOT NULL DEFAULT 0,
    `atom` enum('front', 'interior', 'rear') NOT NULL DEFAULT 'interior',
    `state` enum('A', 'U', 'T', 'W') NOT NULL DEFAULT 'A', -- until 0.20.4
    `state` enum('A', 'U', 'T') NOT NULL DEFAULT 'A', -- since 0.20.4
    `object_id` int(10) unsigned DEFAULT NULL,
    PRIMARY KEY (`rack_id`, `unit_no`, `atom`),
    KEY `RackSpace_object_id` (`object_id`),
    CONSTRAINT `RackSpace-FK-object_id` FOREIGN KEY (`object_id`) REFERENCES `Object` (`id`) ON DELETE CASCADE,
    CONSTRAINT `RackSpace-FK-rack_id` FOREIGN KEY (`rack_id`) REFERENCES `Object` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

-- What makes `SELECT * FROM Rack` dear.
CREATE TABLE `RackThumbnail` (
    `rack_id` int(10) unsigned NOT NULL,
    `thumb_data` blob DEFAULT NULL,
    UNIQUE KEY `rack_id` (`rack_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `TagTree` (
    `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `parent_id` int(10) unsigned DEFAULT NULL,
    `is_assignable` enum('yes', 'no') NOT NULL DEFAULT 'yes', -- since 0.20.2
    `tag` char(255) DEFAULT NULL,
    `color` mediumint(8) unsigned DEFAULT NULL, -- since 0.21.0
    `description` char(255) DEFAULT NULL, -- since 0.21.2
    PRIMARY KEY (`id`),
    UNIQUE KEY `tag` (`tag`),
    KEY `TagTree-K-parent_id` (`parent_id`),
    CONSTRAINT `TagTree-K-parent_id` FOREIGN KEY (`parent_id`) REFERENCES `TagTree` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `TagStorage` (
    `entity_realm` enum('file', 'ipv4net', 'ipv4rspool', 'ipv4vs', 'ipvs', 'ipv6net', 'location', 'object', 'rack',
        'user', 'vst') NOT NULL DEFAULT 'object',
    `entity_id` int(10) unsigned NOT NULL,
    `tag_id` int(10) unsigned NOT NULL DEFAULT 0,
    `tag_is_assignable` enum('yes', 'no') NOT NULL DEFAULT 'yes', -- since 0.20.2
    `user` char(64) DEFAULT NULL,
    `date` datetime DEFAULT NULL,
    UNIQUE KEY `entity_tag` (`entity_realm`, `entity_id`, `tag_id`),
    KEY `entity_id` (`entity_id`),
    KEY `TagStorage-FK-tag_id` (`tag_id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `Config` (
    `varname` char(32) NOT NULL,
    `varvalue` text NOT NULL,
    `vartype` enum('string', 'uint') NOT NULL DEFAULT 'string',
    `emptyok` enum('yes', 'no') NOT NULL DEFAULT 'no',
    `is_hidden` enum('yes', 'no') NOT NULL DEFAULT 'yes',
    `is_userdefined` enum('yes', 'no') NOT NULL DEFAULT 'no',
    `description` text DEFAULT NULL,
    PRIMARY KEY (`varname`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `Script` (
    `script_name` char(64) NOT NULL,
    `script_text` longtext DEFAULT NULL,
    PRIMARY KEY (`script_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `Port` (
    `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `object_id` int(10) unsigned NOT NULL DEFAULT 0,
    `name` char(255) NOT NULL DEFAULT '',
    `iif_id` int(10) unsigned NOT NULL,
    `type` int(10) unsigned NOT NULL DEFAULT 0,
    `l2address` char(64) DEFAULT NULL,
    `reservation_comment` char(255) DEFAULT NULL,
    `label` char(255) DEFAULT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `object_iif_oif_name` (`object_id`, `iif_id`, `type`, `name`),
    KEY `l2address` (`l2address`),
    CONSTRAINT `Port-FK-object_id` FOREIGN KEY (`object_id`) REFERENCES `Object` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `VLANDomain` (
    `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `description` char(255) DEFAULT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `description` (`description`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `VLANSwitchTemplate` (
    `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `mutex_rev` int(10) NOT NULL,
    `description` char(255) DEFAULT NULL,
    `saved_by` char(64) NOT NULL,
    PRIMARY KEY (`id`),
    UNIQUE KEY `description` (`description`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE TABLE `VLANSwitch` (
    `object_id` int(10) unsigned NOT NULL,
    `domain_id` int(10) unsigned NOT NULL,
    `template_id` int(10) unsigned NOT NULL,
    `mutex_rev` int(10) unsigned NOT NULL DEFAULT 0,
    `out_of_sync` enum('yes', 'no') NOT NULL DEFAULT 'yes',
    `last_errno` int(10) unsigned NOT NULL DEFAULT 0,
    `last_change` timestamp NOT NULL DEFAULT '0000-00-00 00:00:00',
    UNIQUE KEY `object_id` (`object_id`),
    KEY `domain_id` (`domain_id`),
    CONSTRAINT `VLANSwitch-FK-domain_id` FOREIGN KEY (`domain_id`) REFERENCES `VLANDomain` (`id`),
    CONSTRAINT `VLANSwitch-FK-object_id` FOREIGN KEY (`object_id`) REFERENCES `Object` (`id`),
    CONSTRAINT `VLANSwitch-FK-template_id` FOREIGN KEY (`template_id`) REFERENCES `VLANSwitchTemplate` (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

-- Password hashes: why a reader's rights are given table by table.
CREATE TABLE `UserAccount` (
    `user_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
    `user_name` char(64) NOT NULL DEFAULT '',
    `user_password_hash` char(40) DEFAULT NULL,
    `user_realname` char(64) DEFAULT NULL,
    PRIMARY KEY (`user_id`),
    UNIQUE KEY `user_name` (`user_name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8 COLLATE=utf8_unicode_ci;

CREATE VIEW `Location` AS
    SELECT o.`id`, o.`name`, o.`has_problems`, o.`comment`, p.`id` AS `parent_id`, p.`name` AS `parent_name`
    FROM `Object` AS o
    LEFT JOIN (`Object` AS p JOIN `EntityLink` AS l ON l.`parent_entity_id` = p.`id` AND p.`objtype_id` = 1562
        AND l.`parent_entity_type` = 'location' AND l.`child_entity_type` = 'location')
        ON l.`child_entity_id` = o.`id`
    WHERE o.`objtype_id` = 1562;

CREATE VIEW `Row` AS
    SELECT o.`id`, o.`name`, p.`id` AS `location_id`, p.`name` AS `location_name`
    FROM `Object` AS o
    LEFT JOIN `EntityLink` AS l ON l.`child_entity_id` = o.`id` AND l.`parent_entity_type` = 'location'
        AND l.`child_entity_type` = 'row'
    LEFT JOIN `Object` AS p ON p.`id` = l.`parent_entity_id` AND p.`objtype_id` = 1562
    WHERE o.`objtype_id` = 1561;

CREATE VIEW `Rack` AS
    SELECT o.`id`, o.`name`, o.`asset_no`, o.`has_problems`, o.`comment`, h.`uint_value` AS `height`,
        s.`uint_value` AS `sort_order`, t.`thumb_data`, r.`id` AS `row_id`, r.`name` AS `row_name`
    FROM `Object` AS o
    LEFT JOIN `AttributeValue` AS h ON h.`object_id` = o.`id` AND h.`attr_id` = 27
    LEFT JOIN `AttributeValue` AS s ON s.`object_id` = o.`id` AND s.`attr_id` = 29
    LEFT JOIN `RackThumbnail` AS t ON t.`rack_id` = o.`id`
    JOIN `EntityLink` AS l ON l.`child_entity_id` = o.`id` AND l.`parent_entity_type` = 'row'
        AND l.`child_entity_type` = 'rack'
    JOIN `Object` AS r ON r.`id` = l.`parent_entity_id` AND r.`objtype_id` = 1561
    WHERE o.`objtype_id` = 1560;

CREATE VIEW `RackObject` AS
    SELECT `id`, `name`, `label`, `objtype_id`, `asset_no`, `has_problems`, `comment`
    FROM `Object` WHERE `objtype_id` NOT IN (1560, 1561, 1562);
