"""The program around a session: how it starts and ends, its log, licences, updates."""
