"""The `musiclm` command: one verb for each thing a person does."""
