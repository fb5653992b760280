"""Evidence that leaves the workspace: as JSON Lines, Parquet, or to an OpenTelemetry collector.

``lines``     which records are exported, and which fields: prompts and replies only on request
``parquet``   the same as a table (extra ``parquet``)
``genai``     a record as a span
``otlp``      a collector, reached by OpenTelemetry's own exporter (extra ``otlp``)
``shipping``  batches, and how far each destination has been served

Each export is itself recorded in the capsule.
"""
