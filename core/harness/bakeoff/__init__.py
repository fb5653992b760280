"""A bakeoff: the same repair tasks for a candidate and a baseline arm, judged and recorded.

``plan`` says what is run and in which random order; ``preparation`` finds healthy arms, a sandbox
that holds, and trials to reuse. ``run`` then makes the trials, here (``local``) or by workers
(``executors``, ``worker``, ``orders``): each asks through ``asker``, checks through ``checker``,
and goes to the ``journal`` as soon as it ends, so that an interrupted run is resumed without loss.
``conclusion`` writes the reports and the sealed GateDecision; ``progress`` is what the command line
and the dashboard are shown meanwhile. Whatever a model, its code or a worker sends back can fail
its own trial, never the run.
"""
