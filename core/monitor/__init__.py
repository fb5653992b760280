"""What becomes of a pass once it serves: is the promise kept, and what is it worth.

``follow`` reads the log as it grows and folds sealed records into ``drift``, the evidence against
each promise of the pass; ``ecusum`` is the test, which may be looked at after every call. A broken
promise is a sealed decision of its own, and the way back is a new bakeoff. ``outcomes`` records
whether an answer did what was asked. ``holdout`` gives a share of the calls to the cloud by chance,
so that ``savings`` can say from ``facts`` of the log what reflex saves; ``pairs`` are the tasks
that both models worked on.

To follow a demotion, read ``follow``, ``drift``, ``ecusum``, then ``core.router.promotion``.
"""
