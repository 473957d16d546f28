"""SoundStream: waveform <-> acoustic tokens."""
