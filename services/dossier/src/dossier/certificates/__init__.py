"""The certificate of a registered dossier, and its code, by which anyone finds out whether it still holds."""
