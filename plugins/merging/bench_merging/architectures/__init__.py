"""The architectures of real checkpoints, with the names of Hugging Face's files; they compute the features of heads."""
