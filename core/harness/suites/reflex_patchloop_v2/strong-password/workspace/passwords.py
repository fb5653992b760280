def is_strong(word):
    """Whether a password has at least 8 characters, a digit and a capital letter."""
    return (
        len(word) >= 8
        and any(character.isdigit() for character in word)
        or any(character.isupper() for character in word)
    )
