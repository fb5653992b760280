"""The patch loop: prompt, reply, edit, compile, check, and then another question.

``loop`` runs it, for a bakeoff's tasks and for ``implement``. ``ladder`` decides how each attempt
asks, ``prompt`` words the question from ``prompts/``, ``masking`` hides the faulty bodies from it.
``formats`` says how a reply is written and reads it, ``applying`` makes its edits, ``diff`` shows
them. ``attempt`` takes one reply from request to verdict, and ``trial`` is what reports keep.

Pure but for the two functions that it is given: whoever asks and whoever checks. The prompts' and
schemas' hashes are part of a gate pass.
"""
