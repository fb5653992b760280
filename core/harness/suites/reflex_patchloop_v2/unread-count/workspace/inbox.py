def unread(messages, user):
    """How many messages to ``user`` are not read; a message has ``to`` and ``read``."""
    return sum(message["read"] for message in messages if message["to"] == user)
