def deepest(text):
    """How many round brackets are open at once at most; the brackets are balanced."""
    depth = most = 0
    for character in text:
        if character == "(":
            depth += 1
            most = max(most, depth)
        elif character == ")":
            depth -= 1
    return depth
