"""Fine-tune a language model into a text classifier whose every number can be rebuilt."""
