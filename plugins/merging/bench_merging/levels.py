"""What a method may see besides weights and architecture; imports no torch."""

LEVELS = {
    "data-free": "nothing",
    "unlabelled-train": "training inputs of every task, without labels",
    "unlabelled-test": "test inputs of every task, without labels (transductive)",
    "evaluations": "the validation accuracy of candidates, a counted and limited number of times",
    "labelled": "validation inputs and labels of every task",
    "training": "the training data of every task",
}
