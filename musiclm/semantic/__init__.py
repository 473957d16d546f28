"""Waveform -> semantic tokens: of w2v-BERT, or of musical features alone."""
