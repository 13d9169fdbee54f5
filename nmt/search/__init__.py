"""The recursive decoder: the model is fed with its own output, by greedy or beam search."""
