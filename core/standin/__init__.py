"""The scripted stand-in: an OpenAI-compatible server on loopback without a model behind it.

A test double that ships: it takes the cloud's place in the demo, in tests and in CI, and provokes
faults over a real socket. It names itself ``scripted`` wherever it answers, and what it answers
promotes nothing outside of the demo.

``server`` listens and paces, ``http1`` is one connection, ``wire`` reads requests and lays answers
out in time, ``script`` says how it behaves and which faults strike, ``answers`` says what it
answers: a suite's solutions, else ``sample``, the smallest instance of the schema asked for.
"""
