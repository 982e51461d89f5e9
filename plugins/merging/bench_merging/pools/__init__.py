"""The pools: a base model, experts tuned from it, their frozen heads and the data of every task, as one data set."""
