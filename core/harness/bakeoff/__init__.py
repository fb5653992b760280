"""A bakeoff: both arms over a suite, interleaved, journalled, and concluded."""
