"""The listening test of MusicLM, appendix B: pages for raters, votes that are kept, results."""
