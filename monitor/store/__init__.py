"""Where the record is kept: what was seen since when, what is wrong, and who has yet to be told."""
