"""One forward pass recorded: its attention calls, kept and evaluated when somebody looks."""
