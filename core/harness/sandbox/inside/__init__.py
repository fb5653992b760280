"""What runs on the far side: sent into the sandbox as code, so it imports the stdlib only.

``entry`` is the first code in the sandbox: it enters namespaces (``namespaces``, ``kernel``), shuts
system calls and files (``seccomp``, ``landlock``), then runs the program. ``runner`` runs rewritten
tests and says on a pipe how each ended; ``judge`` makes their comparisons, ``integrity`` sees
whether what they rely on was changed. The code under test runs in a process of its own, reached
through ``remote`` and ``proxies``. ``attacks`` is what a sandbox must withstand.
"""
