"""The panels that can be docked beside the views: pictures, inspector, library, the tour."""
