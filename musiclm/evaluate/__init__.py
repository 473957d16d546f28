"""One file for each claim that is made, and the report."""
