"""w2v-BERT: waveform -> semantic tokens."""
