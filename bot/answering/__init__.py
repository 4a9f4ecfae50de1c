"""How the bot answers: it perceives a turn, then the first rule that speaks decides."""
