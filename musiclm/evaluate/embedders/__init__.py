"""Ears for judging music: each turns a recording into one vector for each window of it."""
