"""How fast this machine or cluster trains and translates, and what a given corpus will take."""
