"""One dossier: who is in it, what is declared, who said yes, and where it stands."""
