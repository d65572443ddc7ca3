"""What can be asked for from chat and by a model: one table, from which tools and chat commands are made."""
