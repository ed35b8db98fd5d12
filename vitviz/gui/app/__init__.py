"""The application and its main window: start, menus, docks."""
