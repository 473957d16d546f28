"""Building blocks that two or more nouns share."""
