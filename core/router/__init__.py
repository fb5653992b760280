"""Who answers a call, and the evidence of it.

``decision.decide`` is the rule: a pure function from stage, policy, health, breaker and gate to a
mode and a reason. What it needs is watched by ``view.RoutingState``: ``health`` probes the server,
``breaker`` counts its failures over all processes of the workspace, ``promotion`` finds the sealed
gate pass and says why it holds no longer, in the words of ``lapses``; a pass that serves is watched
by ``core.monitor``. ``attempts`` is the only place where a model is asked: decide, record, ask,
record. ``shadow``, ``resend`` (replay) and the bakeoff use it as well. ``view.RoutingView`` is what
every surface shows; ``enable`` is what turns reflex on and off.

To follow one decision, read ``implementer`` (the run), ``call`` (one call: who is asked first, who
next), ``view`` (the facts), ``decision`` (the rule), ``attempts`` (one request and its records) and
``evidence`` (what is written).
"""
