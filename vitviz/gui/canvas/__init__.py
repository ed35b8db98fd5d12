"""A drawing on screen: panels, maps, plots, legends."""
