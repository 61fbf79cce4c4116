drop table place_notes;
drop table acknowledgements;
