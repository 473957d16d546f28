"""Recordings -> examples: manifests, crops and token shards."""
