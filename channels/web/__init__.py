"""Citizens on the web: the service station, the widget, and every app that speaks the same frames."""
