"""``implement``: the patch loop on the user's own files, each attempt routed.

``files`` reads the files that were named and writes them back, all or none. ``checking`` copies the
repository, which is not trusted, for each candidate; ``command`` runs the user's command there.
``routed`` asks the router, and leaves a backend that has failed the task too often. ``work`` puts
these together; ``undo`` writes a solution and can take it back. Nothing is written unasked.
``shadowing`` gives some of the cloud's tasks to reflex too, whose patches are checked in the
sandbox (``sandboxed``) and go nowhere.
"""
