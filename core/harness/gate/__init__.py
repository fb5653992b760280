"""The gate: a bakeoff's trials in, a verdict with its reasons out; pure functions.

``judge`` pairs the arms' trials task by task and draws the verdict: a fail when a figure misses its
threshold, a pass when every figure and every bound clears, else inconclusive, with what is still
needed. ``criteria`` judges the three figures one by one: P95 latency, success parity with the
cloud, JSON compliance. ``statistics`` holds the arithmetic of their bounds, with its sources.
Lack of evidence is never a pass.
"""
