"""MuLan: text or waveform -> joint embedding -> tokens."""
