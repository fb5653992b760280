def rank(score, scores):
    """The rank of ``score`` among ``scores``: one more than there are better ones."""
    return sum(other >= score for other in scores) + 1
