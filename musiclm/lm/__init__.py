"""AudioLM: tokens to tokens, three stages of one decoder."""
