"""What the dashboard shows, worked out without Textual.

rows, filters, log        events as rows; which pass a filter; which are in memory, which paged in
latencies, uptime, gate   live percentiles; minutes up; states as glyph and word, reasons
benefits                  why reflex pays, from the index's totals
reports, live, estimate   bakeoffs: finished, running, planned or interrupted
promotion                 enabling and disabling reflex: proposal and act
slash                     the table of commands, shared by bar, palette and help

Text from files, servers and models is made plain here, once. Styles are names, not colours.
"""
