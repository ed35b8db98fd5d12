"""Networks of vitviz's own, each to be read beside its paper."""
