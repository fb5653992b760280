def moving_sums(values, width):
    """The sums of all ``width`` neighbours in ``values``, from the left."""
    return [sum(values[at : at + width]) for at in range(len(values))]
