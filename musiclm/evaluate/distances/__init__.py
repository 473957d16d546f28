"""How far a set of recordings is from another: on embeddings and on label distributions."""
