def unread(messages, user):
    """How many messages to ``user`` are not read; a message has ``to`` and ``read``."""
    return sum(not message["read"] for message in messages)
