"""The threads that watch one workspace; each posts messages and touches nothing else.

messages     what they post, and what the dashboard's parts ask of each other
watcher      what they have in common: start, stop, and a bug that is reported
workspace    all of one workspace, started and stopped together
server       looks at server, gate and breaker each second
capsule      follows the event log; the newest events as rows
archive      keeps the index up to date and answers questions about older rows
windows      asks the index about a chart's window, a day and an hour
files        the configuration and the bakeoff reports
bakeoff      runs a bakeoff on an event loop of its own
"""
