"""Folders of music, each kind as a stream of the recordings that it holds."""
