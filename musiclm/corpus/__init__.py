"""Composes, arranges, renders and captions music: a training set with exact ground truth."""
